"""The page *Incident* in a real browser: freezing the creation of tokens, with the keyboard, and lifting the freeze."""

import pytest
from playwright.sync_api import Browser, expect

from browser.looks import look
from browser.visitor import visiting
from stack import Stack


@pytest.mark.timeout(600)
def test_creation_is_frozen_and_allowed_again(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(visitor.tokens)
        look(visitor, "tokens")
        visitor.follow("Incident…")
        look(visitor, "incident")
        page.get_by_label("Why?").fill("Alice’s laptop was stolen, and with it her sign-in")
        page.get_by_label("Why?").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("until the freeze is lifted")
        look(visitor, "incident-frozen")
        page.goto(f"{visitor.tokens}new/")
        expect(page.get_by_text("No new tokens for now")).to_be_visible()
        look(visitor, "incident-new-token")
        visitor.follow("Open the incident page")
        page.get_by_role("button", name="Lift the freeze").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Tokens can be created again")
        assert visitor.complaints == []
