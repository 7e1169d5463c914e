"""The operator's pages in a browser: they refresh where one is, say when they can't, and work without scripts."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.operator_tour import LONG, OLGA, make_trouble
from browser.visitor import Visitor, visiting
from stack import Stack

EVERY_MS = 15_000
pytestmark = pytest.mark.covers("B21")


@pytest.fixture(scope="module")
def troubled(stack: Stack) -> Stack:
    make_trouble(stack)
    return stack


@pytest.fixture
def olga(browser: Browser, troubled: Stack) -> Iterator[Visitor]:
    """Olga, signed in, whose browser's clock the test sets."""
    with visiting(browser, troubled) as visitor:
        visitor.page.clock.install()
        enter(visitor)
        yield visitor


def enter(visitor: Visitor) -> None:
    visitor.sign_in(OLGA)
    visitor.page.wait_for_url("**/operator/")
    visitor.page.wait_for_load_state()


def later(page: Page) -> None:
    page.clock.fast_forward(EVERY_MS + 1000)


def test_status_refreshes_where_one_is_and_says_when_it_can_not(olga: Visitor) -> None:
    page = olga.page
    olga.resize((1280, 500))
    link = page.locator("#live a")
    link.focus()
    page.evaluate("scrollTo(0, 200)")
    before = page.locator("#live dd time").first.get_attribute("datetime")
    time.sleep(1.1)  # the page shows whole seconds
    later(page)
    expect(page.locator("#live dd time").first).not_to_have_attribute("datetime", str(before))
    expect(link).to_be_focused()
    assert page.evaluate("scrollY") == 200
    page.route("**/operator/", lambda route: route.abort())
    later(page)
    expect(page.get_by_role("alert")).to_contain_text("The console does not answer")
    page.unroute("**/operator/")
    later(page)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#live")).to_contain_text("does not accept email")


def test_page_closes_for_somebody_who_is_no_longer_an_operator(olga: Visitor, troubled: Stack) -> None:
    troubled.simsim("operator", "remove", OLGA)
    try:
        later(olga.page)
        olga.page.get_by_role("heading", name="Page not found").wait_for()
    finally:
        troubled.simsim("operator", "add", OLGA)


def test_email_is_sent_again_without_scripts(browser: Browser, troubled: Stack) -> None:
    with visiting(browser, troubled, scripts=False) as visitor:
        enter(visitor)
        page = visitor.page
        page.get_by_role("link", name="Checks").click()
        page.get_by_text("does not accept email").wait_for()
        page.get_by_role("link", name="Emails").click()
        page.get_by_role("link", name="Given up").click()
        page.get_by_role("button", name=f"Retry the email to {LONG}").click()
        page.get_by_text(f"tries to send the email to {LONG} within seconds").wait_for()
        page.get_by_role("link", name="Accounts").click()
        page.get_by_role("searchbox").fill("glob")
        page.keyboard.press("Enter")
        page.get_by_text("Globex").wait_for()
        assert page.get_by_text("Acme").count() == 0
