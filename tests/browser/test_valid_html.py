"""Every page is served as valid HTML, according to the W3C's Nu Html Checker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.console_tour import as_member, empty, tour
from browser.html_checker import Served, complaints
from browser.visitor import visiting
from stack import Stack

BROKEN = '<!doctype html><html lang="en"><title>x</title><p id="a"><p id="a"><label for="b">y</label><ul><p></ul>'


def pages(browser: Browser, stack: Stack, ended: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the HTML of every page for an administrator, a newcomer and a member."""
    with visiting(browser, stack) as alice:
        served = Served(alice)
        for name in tour(alice, ended):
            yield name, served.text
    for others in (empty, as_member):
        with visiting(browser, stack) as visitor:
            served = Served(visitor)
            for name in others(visitor):
                yield name, served.text


@pytest.mark.timeout(300)
def test_every_page_is_valid_html(browser: Browser, stack: Stack, ended: str, tmp_path: Path) -> None:
    for name, text in pages(browser, stack, ended):
        (tmp_path / f"{name.replace(' ', '-')}.html").write_bytes(text)
    (tmp_path / "broken.html").write_text(BROKEN, encoding="utf-8")
    found = complaints(tmp_path)
    assert len(found) > 10
    told = "\n".join(found.pop("broken"))
    for mistake in ("Duplicate ID", "must be the ID of", "not allowed as child of element"):
        assert mistake in told, "the checker sees nothing, so it would see no mistake of ours either"
    listed = [f"{name}: {each}" for name, judged in sorted(found.items()) for each in judged]
    assert not listed, "\n".join(listed)
