"""Every mail in a browser: valid, accessible, no wider than its window, and nothing is fetched."""

import html
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser.html_checker import complaints
from browser.mail_window import opened
from browser.profiles import Scheme
from browser.visitor import COLOUR_RULES, RULES, Rules, judged
from mail_reading import letter
from mail_samples import hostile, samples

ORDINARY = list(samples())
# One of each kind for each name, because browsers are slow.
HOSTILE = list({(sample.kind, sample.variant.rpartition("-")[2]): sample for sample in hostile()}.values())
LIGHT_FIRST: tuple[Scheme, Scheme] = ("light", "dark")
DARK_FIRST: tuple[Scheme, Scheme] = ("dark", "light")
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.timeout(600)
@pytest.mark.covers("R8")
def test_every_mail_is_valid_html(tmp_path: Path) -> None:
    for sample in (*ORDINARY, *HOSTILE):
        (tmp_path / f"{sample.name}.html").write_text(letter(sample.mail).html, encoding="utf-8")
    (tmp_path / "broken.html").write_text("<!doctype html><html lang=en><title>x</title><tr><p style='colour:red'>")
    found = complaints(tmp_path)
    told = "\n".join(found.pop("broken"))
    assert "colour" in told, "the checker reads no style, so it would see no mistake of ours either"
    assert not [f"{name}: {each}" for name, judged in sorted(found.items()) for each in judged]


@pytest.mark.timeout(600)
@pytest.mark.covers("R8")
def test_every_mail_is_accessible_fits_its_window_and_fetches_nothing(browser: Browser) -> None:
    """In each width, light and dark: a mail has no scripts, so only the style of an open mail changes."""
    page = opened(browser, 700, "light")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("dialog", lambda dialog: fetched.append(dialog.message))
    for sample in (*ORDINARY, *HOSTILE):
        page.set_content(letter(sample.mail).html)
        for width, schemes in ((700, LIGHT_FIRST), (320, DARK_FIRST)):
            page.set_viewport_size({"width": width, "height": 700})
            for scheme, rules in zip(schemes, (RULES, COLOUR_RULES), strict=True):
                page.emulate_media(color_scheme=scheme)
                look = f"{sample.name}, {width} px, {scheme}"
                assert page.evaluate(WIDER) == 0, f"{look}: wider than the window"
                if sample in ORDINARY:
                    check(page, rules, look)
    assert fetched == []


def check(page: Page, rules: Rules, look: str) -> None:
    results = judged(page, rules)
    # A mail is part of a mail program's page, which has the landmarks.
    faults = {found["id"] for found in results.response["violations"]} - {"region", "landmark-one-main"}
    assert faults == set(), f"{look}: {results.generate_report()}"


@pytest.mark.covers("R8")
def test_mail_reads_well_without_its_style_sheet(browser: Browser) -> None:
    """As in programs that keep only inline styles: nothing overflows a narrow window."""
    page = opened(browser, 320, "dark")
    for sample in ORDINARY:
        page.set_content(re.sub(r"<style>.*?</style>", "", letter(sample.mail).html, flags=re.DOTALL))
        assert page.evaluate(WIDER) == 0, sample.name
        assert (
            page.evaluate("getComputedStyle(document.querySelector('td.sheet')).backgroundColor")
            == "rgb(255, 255, 255)"
        )
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 36, 33)"


@pytest.mark.covers("R8")
def test_buttons_are_large_enough_for_a_thumb(browser: Browser) -> None:
    page = opened(browser, 320, "light")
    for sample in ORDINARY:
        page.set_content(letter(sample.mail).html)
        for box in page.locator("a").all():
            size = box.bounding_box()
            assert size is not None
            assert size["height"] >= 40, f"{sample.name}: {html.unescape(box.inner_text())}"
