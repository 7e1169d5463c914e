"""The page *Notices* and the list of sent notices in a real browser."""

import pytest
from playwright.sync_api import Browser, expect

from browser.profiles import NARROW, WIDE
from browser.visitor import visiting
from stack import Stack


@pytest.mark.covers("B10")
@pytest.mark.parametrize(("size", "by_keyboard"), [(WIDE, True), (NARROW, False)], ids=["keyboard", "narrow"])
def test_administrator_chooses_who_gets_each_notice_and_the_choice_is_saved(
    browser: Browser, stack: Stack, size: tuple[int, int], by_keyboard: bool
) -> None:
    with visiting(browser, stack, size) as visitor:
        page = visitor.page
        visitor.enter()
        visitor.press("Notices", by_keyboard=by_keyboard)
        page.wait_for_url("**/notices/")
        rotated = page.get_by_role("group", name="A token gets a new password")
        days = page.get_by_role("group", name="Extra expiry reminders")
        wanted = "Nobody" if by_keyboard else "The token’s creator"
        rotated.get_by_role("radio", name=wanted).check()
        days.get_by_role("checkbox", name="14 days before").set_checked(by_keyboard)
        visitor.press("Save changes", by_keyboard=by_keyboard)
        page.get_by_text("Saved. Your choices apply").wait_for()
        expect(rotated.get_by_role("radio", name=wanted)).to_be_checked()
        expect(days.get_by_role("checkbox", name="14 days before")).to_be_checked(checked=by_keyboard)
        expect(days.get_by_role("checkbox", name="7 days before")).not_to_be_checked()


@pytest.mark.covers("B10", "R8")
def test_pages_of_the_notices_follow_the_rules(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(f"{visitor.home}accounts/{stack.account}/notices/")
        visitor.check_every_look()
        page.evaluate("document.querySelector('[name=token_rotated]:checked').value = 'members'")
        page.get_by_role("button", name="Save changes").click()
        page.get_by_role("alert").wait_for()
        visitor.check_every_look()
        token = stack.create_token(f"Told {visitor.look}")
        page.goto(f"{visitor.tokens}{token['id']}/")
        told = page.locator("#notices tbody tr")
        expect(told.filter(has_text="alice@acme.example")).to_contain_text("Waiting")
        visitor.check_every_look()
