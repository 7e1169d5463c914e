"""People's main tasks in a real browser; each journey ends at the gateway."""

import pytest
from playwright.sync_api import Browser, expect

from browser.profiles import NARROW, WIDE
from browser.visitor import visiting
from stack import PASSWORD, Stack


@pytest.mark.covers("R4", "R5", "R6", "R10", "R11", "R12", "R13", "R14")
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_administrator_creates_copies_edits_and_revokes(browser: Browser, stack: Stack, size: tuple[int, int]) -> None:
    name = f"Power BI {size[0]}"
    with visiting(browser, stack, size) as alice:
        page = alice.page
        alice.sign_in()
        page.get_by_role("link", name="Create").first.click()
        page.get_by_label("Name").fill(name)
        page.get_by_text("A year", exact=True).click()
        expect(page.locator(".advice.is-due")).to_be_visible()
        page.get_by_label("Network 1").fill("192.0.2.0/24")
        page.get_by_role("button", name="Add my IP").click()
        expect(page.get_by_label("Network 2")).to_have_value("127.0.0.1")
        page.get_by_role("button", name="Create token").last.click()
        expect(page.get_by_role("status").first).to_contain_text("was created and works now")
        secret = page.get_by_label("Password", exact=True)
        expect(secret).to_have_attribute("type", "password")
        page.get_by_role("button", name="Show the password").click()
        expect(secret).to_have_attribute("type", "text")
        page.get_by_role("button", name="Copy the password").click()
        expect(page.get_by_role("button", name="Copied the password")).to_be_visible()
        password = page.evaluate("navigator.clipboard.readText()")
        auth = (page.get_by_label("Username", exact=True).input_value(), password)
        assert stack.get("/api/v2/entities", auth=auth).status == 200

        page.get_by_role("link", name="Open the token").click()
        page.get_by_role("button", name="Remove network 2").click()
        expect(page.get_by_label("Network 2")).to_have_count(0)
        page.get_by_role("button", name="Save changes").last.click()
        # Asked only if the log already has the last request.
        saved, question = page.get_by_text("Your changes are saved"), page.get_by_role("button", name="Save anyway")
        expect(saved.or_(question)).to_be_visible()
        if question.is_visible():
            question.click()
        expect(page.get_by_text("Your changes are saved")).to_be_visible()
        assert stack.get("/api/v2/entities", auth=auth).status == 401
        page.get_by_role("button", name="Add my IP").click()
        expect(page.get_by_label("Network 2")).to_have_value("127.0.0.1")
        with page.expect_navigation():
            page.get_by_role("button", name="Save changes").last.click()
        expect(page.get_by_text("Your changes are saved")).to_be_visible()

        page.get_by_role("button", name="Show username and password").click()
        expect(page.get_by_label("Password", exact=True)).to_have_value(password)
        assert stack.get("/api/v2/entities", auth=auth).status == 200

        page.get_by_role("link", name="Revoke…").click()
        page.get_by_label("Leaked, or may have leaked").check()
        page.get_by_role("button", name="Revoke token").click()
        expect(page.get_by_text("no longer works")).to_be_visible()
        assert stack.get("/api/v2/entities", auth=auth).status == 401
        page.get_by_role("link", name="Back to the list").click()
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
        assert alice.complaints == []


def test_keyboard_is_enough(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as alice:
        page, keyboard = alice.page, alice.page.keyboard
        page.goto(alice.home)
        keyboard.type("alice@acme.example")  # the first field has the focus already
        alice.tab_to("Password")
        keyboard.type(PASSWORD)
        keyboard.press("Enter")
        page.wait_for_url("**/tokens/")
        alice.tab_to("Create")
        keyboard.press("Enter")
        page.wait_for_url("**/new/")
        alice.tab_to("Name")
        keyboard.type("Typed")
        alice.tab_to("Network 1")
        keyboard.type("192.0.2.0/24")
        alice.tab_to("Add more")
        keyboard.press("Enter")
        expect(page.get_by_label("Network 2")).to_be_focused()
        keyboard.type("127.0.0.1")
        keyboard.press("Enter")  # sends the form, and does not press a button among the networks
        page.get_by_role("heading", name="Typed").wait_for()
        alice.tab_to("Copy the password")
        keyboard.press("Enter")
        expect(page.get_by_role("button", name="Copied the password")).to_be_visible()
        auth = (stack.account, page.evaluate("navigator.clipboard.readText()"))
        assert stack.get("/api/v2/entities", auth=auth).status == 200
        alice.tab_to("Open the token")
        keyboard.press("Enter")
        page.get_by_role("heading", name="Edit").wait_for()
        alice.tab_to("Revoke…")
        keyboard.press("Enter")
        expect(page.get_by_label("No longer needed")).to_be_focused()
        keyboard.press("Space")
        alice.tab_to("Revoke token")
        keyboard.press("Enter")
        expect(page.get_by_text("no longer works")).to_be_visible()
        assert stack.get("/api/v2/entities", auth=auth).status == 401
        alice.tab_to("alice@acme.example")
        keyboard.press("Enter")
        alice.tab_to("Sign out")
        keyboard.press("Enter")
        page.wait_for_url("**/sign-in/login/")


def test_everything_works_without_scripts(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, scripts=False) as alice:
        page = alice.page
        alice.sign_in()
        page.get_by_role("link", name="Create").first.click()
        page.get_by_label("Name").fill("Plain")
        page.get_by_role("button", name="Add more").click()
        page.get_by_label("Network 2").fill("127.0.0.1")
        page.get_by_role("button", name="Create token").last.click()
        auth = tuple(page.get_by_label(label, exact=True).input_value() for label in ("Username", "Password"))
        assert stack.get("/api/v2/entities", auth=(auth[0], auth[1])).status == 200
        expect(page.get_by_role("button", name="Copy")).to_have_count(0)  # it could not copy


def test_back_does_not_bring_a_password_back(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as alice:
        alice.enter()
        alice.create("Left open")
        password = alice.page.get_by_label("Password", exact=True).input_value()
        alice.page.get_by_role("link", name="Done").click()
        alice.page.wait_for_url("**/tokens/")
        alice.page.locator(".person summary").click()
        alice.page.get_by_role("button", name="Sign out").click()
        alice.page.wait_for_url("**/sign-in/login/")
        alice.page.go_back()
        alice.page.wait_for_load_state()
        assert password not in alice.page.content()
        alice.page.goto(alice.tokens)
        expect(alice.page.get_by_role("heading", name="Sign in")).to_be_visible()
