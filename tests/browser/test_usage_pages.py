"""The usage page in a real browser: from a chart to its requests, also without scripts and by keyboard."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from browser.examination import Examination
from browser.profiles import NARROW, WIDE
from browser.usage_tour import tour, usage_of, use
from browser.visitor import Visitor, visiting
from browser.wire import MAX_BYTES
from stack import Stack

pytestmark = pytest.mark.covers("B5")
HUGE = (3840, 2160)
BOXES = """texts => texts.filter(text => text.checkVisibility()).map(text => {
    const {x, y, width, height} = text.getBoundingClientRect();
    return {x, y, width, height};
})"""


@pytest.fixture(scope="module")
def used(stack: Stack) -> dict[str, Any]:
    return use(stack)


@pytest.fixture
def alice(browser: Browser, stack: Stack, used: dict[str, Any]) -> Iterator[Visitor]:
    with visiting(browser, stack) as visitor:
        visitor.enter()
        yield visitor


@pytest.mark.covers("R7", "R17")
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_alice_gets_from_the_usage_to_the_requests(
    browser: Browser, stack: Stack, used: dict[str, Any], size: tuple[int, int]
) -> None:
    with visiting(browser, stack, size) as alice:
        page = alice.page
        alice.enter()
        page.get_by_role("link", name="Usage").click()
        expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
        expect(page).to_have_title("Usage · Simsim")
        expect(page.get_by_role("navigation", name="Breadcrumb")).to_contain_text("API")
        page.get_by_role("link", name="24 hours").click()
        page.wait_for_url("**/usage/?range=24h&by=token")
        expect(page.get_by_role("img", name="Requests per hour")).to_be_visible()
        page.get_by_role("link", name="Software").click()
        page.wait_for_url("**/usage/?range=24h&by=software#by")
        expect(page.get_by_role("rowheader", name="Snowflake")).to_be_visible()
        page.get_by_role("link", name="Status", exact=True).click()
        expect(page.get_by_role("rowheader", name="401 Unauthorized")).to_be_visible()
        page.get_by_role("link", name="Tokens").last.click()
        page.get_by_role("link", name="Nightly load").first.click()
        page.wait_for_url(f"**/logs/?range=24h&token={used['id']}")
        expect(page.get_by_role("link", name="GET /api/v2/never/before")).to_have_count(3)
        page.go_back()
        page.wait_for_url("**/usage/?range=24h&by=token#by")


def test_usage_works_without_scripts(browser: Browser, stack: Stack, used: dict[str, Any]) -> None:
    for size in (WIDE, NARROW):
        with visiting(browser, stack, size, scripts=False) as alice:
            page = alice.page
            alice.enter()
            page.get_by_role("link", name="Usage").click()
            page.get_by_role("link", name="24 hours").click()
            page.get_by_role("link", name="Endpoints").click()
            assert page.url == f"{usage_of(alice)}?range=24h&by=endpoint#by"
            page.get_by_text("View as table").click()
            numbers = page.get_by_role("region", name="View as table").get_by_role("row")
            expect(numbers).to_have_count(25)
            assert page.get_by_role("link", name="/api/v2/entities", exact=True).bounding_box() is not None


def test_usage_is_usable_with_only_the_keyboard(alice: Visitor) -> None:
    page, keyboard = alice.page, alice.page.keyboard
    alice.tab_to("Usage")
    keyboard.press("Enter")
    page.wait_for_url("**/usage/")
    alice.tab_to("7 days")
    keyboard.press("Enter")
    page.wait_for_url("**/usage/?range=7d&by=token")
    alice.tab_to("Endpoints")
    keyboard.press("Enter")
    page.wait_for_url("**/usage/?range=7d&by=endpoint#by")
    # After the tabs come the rows, and before them the charts' tables.
    alice.tab_to("/api/v2/entities")
    page.locator(".behind summary").focus()
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(page.get_by_role("region", name="View as table")).to_be_focused()


def test_pictures_use_the_colours_of_the_theme_and_fill_their_place(alice: Visitor) -> None:
    colour = "(path) => getComputedStyle(document.querySelector(path)).fill"
    for scheme, accent, bad in (
        ("light", "rgb(11, 107, 93)", "rgb(163, 38, 47)"),
        ("dark", "rgb(98, 205, 185)", "rgb(255, 157, 151)"),
    ):
        alice.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        alice.page.goto(f"{usage_of(alice)}?range=90d")
        assert alice.page.evaluate(colour, ".chart .accepted") == accent
        assert alice.page.evaluate(colour, "#stripes rect") == bad
        chart = alice.page.get_by_role("img", name="Requests per day").bounding_box()
        bars = alice.page.locator(".chart .accepted").bounding_box()
        assert chart is not None
        assert bars is not None
        assert chart["width"] * 0.97 < bars["width"] <= chart["width"]
        assert bars["height"] <= chart["height"] + 1


def test_texts_of_the_axes_never_cover_each_other(alice: Visitor) -> None:
    for span in ("24h", "7d", "30d", "90d"):
        alice.page.goto(f"{usage_of(alice)}?range={span}")
        for size in (WIDE, NARROW, HUGE):
            alice.resize(size)
            for chart in alice.page.locator("svg.chart").all():
                for texts in (".chart-under", ".chart-left"):
                    boxes = chart.locator(texts).evaluate_all(BOXES)
                    shown = sorted((box["x"], box["x"] + box["width"]) for box in boxes if box["width"])
                    if texts == ".chart-left":
                        shown = sorted((box["y"] + 2, box["y"] + box["height"] - 2) for box in boxes)
                    assert len(shown) >= 2
                    assert all(a[1] < b[0] for a, b in pairwise(shown)), (size, span, shown)
                    assert min(box["x"] for box in boxes) >= 0


@pytest.fixture(scope="module")
def examined(browser: Browser, stack: Stack, used: dict[str, Any]) -> Examination:
    """Every usage page, visited once."""
    examination = Examination()
    with visiting(browser, stack) as visitor:
        visitor.enter()
        examination.examine(visitor, tour, HUGE)
    return examination


@pytest.mark.timeout(600)
def test_every_usage_page_follows_the_rules(examined: Examination) -> None:
    assert len(examined.html) == 5
    assert examined.faults == []


def test_every_usage_page_is_valid_html(examined: Examination, tmp_path: Path) -> None:
    assert examined.mistakes(tmp_path) == []


def test_every_usage_page_is_small(examined: Examination) -> None:
    assert len(examined.weights) == 5
    assert max(examined.weights.values()) <= MAX_BYTES, examined.weights
