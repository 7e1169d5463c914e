"""The search for everything in a real browser: by keyboard and pointer, in a dialog and without scripts."""

import pytest
from playwright.sync_api import Browser, expect

from browser.visitor import visiting
from stack import Stack

pytestmark = pytest.mark.covers("R14", "B22")


@pytest.fixture(scope="module")
def token(stack: Stack) -> dict[str, str]:
    found: dict[str, str] = stack.create_token("Searched for")
    return found


@pytest.mark.parametrize("key", ["Control+K", "/"])
def test_keys_open_the_search_and_arrows_choose(
    browser: Browser, stack: Stack, token: dict[str, str], key: str
) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(f"{visitor.home}accounts/{stack.account}/usage/")
        page.keyboard.press(key)
        field = page.get_by_role("dialog").get_by_role("searchbox", name="Search")
        expect(field).to_be_focused()
        page.keyboard.type("searched", delay=20)
        found = page.get_by_role("dialog").get_by_role("link", name="Searched for")
        found.wait_for()
        expect(page.locator("#search-said")).to_contain_text("result")
        visitor.check_every_look()
        page.keyboard.press("ArrowDown")
        expect(found).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(field).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/tokens/{token['id']}/")
        assert visitor.complaints == []


def test_escape_closes_the_search_and_the_next_one_begins_where_people_left(
    browser: Browser, stack: Stack, token: dict[str, str]
) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(f"{visitor.tokens}new/")
        link = page.get_by_role("link", name="Search", exact=True)
        link.click()
        field = page.get_by_role("dialog").get_by_role("searchbox", name="Search")
        field.fill("no such thing")
        page.locator(".nothing", has_text="Nothing was found for “no such thing”.").wait_for()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(link).to_be_focused()
        # A key typed into a field is a letter of that field.
        page.get_by_label("Name", exact=True).press("/")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("Control+K")
        expect(field).to_be_focused()
        page.keyboard.type(token["password"])
        page.get_by_text("It is the current one and works.").wait_for()
        assert token["password"] not in page.url
        assert visitor.complaints == []


def test_the_key_can_be_turned_off(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(f"{visitor.home}accounts/{stack.account}/usage/")
        page.keyboard.press("/")
        page.get_by_role("checkbox", name="The key / opens the search").uncheck()
        page.keyboard.press("Escape")
        page.reload()
        page.keyboard.press("/")
        page.keyboard.press("Control+K")
        expect(page.get_by_role("dialog").get_by_role("searchbox")).to_have_value("")
        page.get_by_role("checkbox", name="The key / opens the search").check()


def test_the_search_is_a_page_without_scripts(browser: Browser, stack: Stack, token: dict[str, str]) -> None:
    with visiting(browser, stack, scripts=False) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(visitor.tokens)
        page.get_by_role("link", name="Search", exact=True).click()
        page.get_by_role("searchbox", name="Search").fill("searched")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Searched for").click()
        page.wait_for_url(f"**/tokens/{token['id']}/")
