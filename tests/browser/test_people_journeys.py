"""Invitations, promotions and requests for tokens: journeys in a real browser from a mail to the gateway."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.outbox import mailed
from browser.people_tour import tour
from browser.profiles import NARROW, WIDE
from browser.visitor import Visitor, visiting
from stack import PASSWORD, Stack

CHOSEN = "a password that Dora chose"
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture(scope="module", autouse=True)
def bob(stack: Stack) -> str:
    stack.simsim("user", "create", "bob@acme.example", "--account", stack.account, "--role", "member",
                 "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    return "bob@acme.example"


def person(page: Page, email: str) -> Any:
    """Return the person's entry, a row on a wide page and a card on a narrow one."""
    return page.locator(".list-people tbody tr").filter(has_text=email)


def open_with(visitor: Visitor) -> int:
    """Return the gateway's status with the credentials that the page shows."""
    username = visitor.page.get_by_label("Username", exact=True).input_value()
    password = visitor.page.get_by_label("Password", exact=True).input_value()
    return visitor.stack.get("/api/v2/entities", auth=(username, password)).status


@SIZES
@pytest.mark.covers("R1", "R2")
def test_invited_person_signs_in_is_promoted_and_creates_a_token(
    browser: Browser, stack: Stack, size: tuple[int, int]
) -> None:
    email = f"dora-{size[0]}@acme.example"
    with visiting(browser, stack, size) as alice, visiting(browser, stack, size) as dora:
        page = alice.page
        alice.enter()
        page.get_by_role("link", name="People").click()
        page.get_by_role("link", name="Invite someone").click()
        page.get_by_label("Email").fill(email)
        page.get_by_role("button", name="Send invitation").click()
        expect(page.get_by_role("status")).to_contain_text(f"{email} was invited")
        expect(person(page, email)).to_contain_text("Not yet")
        alice.check()

        dora.page.goto(mailed(stack, "invited", email)["link"])
        dora.check()
        dora.page.get_by_label("New Password", exact=True).fill(CHOSEN)
        dora.page.get_by_label("New Password (again)").fill(CHOSEN)
        dora.page.get_by_role("button", name="Save the password").click()
        expect(dora.page.get_by_role("heading", name="Your password has been changed")).to_be_visible()
        dora.sign_in(email, CHOSEN)
        expect(dora.page.get_by_text("You are a member of Acme")).to_be_visible()

        page.reload()
        expect(person(page, email)).not_to_contain_text("Not yet")
        page.get_by_role("link", name=f"Change to administrator ({email})").click()
        expect(page.get_by_role("heading", name=f"Make {email} an administrator?")).to_be_visible()
        alice.check()
        page.get_by_role("button", name="Change to administrator").click()
        expect(page.get_by_role("status")).to_contain_text(f"{email} is now an administrator of Acme")

        # The change of role has ended her session.
        dora.sign_in(email, CHOSEN)
        dora.page.wait_for_url("**/tokens/")
        dora.create(f"Dora’s {size[0]}")
        assert open_with(dora) == 200

        # A token keeps working after its creator has left (R2).
        password = dora.page.get_by_label("Password", exact=True).input_value()
        page.get_by_role("link", name=f"Remove… {email}").click()
        expect(page.get_by_text(f"The active token that {email} created keeps working")).to_be_visible()
        alice.check()
        page.get_by_role("button", name="Remove from the account").click()
        expect(page.get_by_role("status")).to_contain_text(f"{email} no longer belongs to Acme")
        expect(person(page, email)).to_have_count(0)
        dora.page.goto(dora.tokens)
        expect(dora.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert stack.get("/api/v2/entities", auth=(stack.account, password)).status == 200
        assert alice.complaints == dora.complaints == []


@SIZES
@pytest.mark.covers("R3", "R8")
def test_member_asks_and_gets_a_token_that_works(browser: Browser, stack: Stack, size: tuple[int, int]) -> None:
    name = f"Sales report {size[0]}"
    with visiting(browser, stack, size) as bob, visiting(browser, stack, size) as alice:
        bob.enter("bob@acme.example")
        bob.page.get_by_label("Name of the token").fill(name)
        bob.page.get_by_label("What is it for?").fill("The weekly figures for the board")
        bob.page.get_by_label("Target software").select_option("Microsoft Power BI")
        bob.page.get_by_role("button", name="Ask an administrator").click()
        expect(bob.page.get_by_role("status")).to_contain_text(f"Your request for “{name}” was sent")
        expect(bob.page.locator(".asks li").filter(has_text=name)).to_contain_text("Waiting")
        bob.check()

        page = alice.page
        page.goto(mailed(stack, "token_requested", "alice@acme.example")["link"])
        page.get_by_label("Email").fill("alice@acme.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Name", exact=True)).to_have_value(name)
        expect(page.get_by_label("Description")).to_have_value("The weekly figures for the board")
        expect(page.get_by_label("Target software")).to_have_value("Microsoft Power BI")
        expect(page.get_by_role("status")).to_contain_text("bob@acme.example asked for this token")
        alice.check()
        page.get_by_role("button", name="Create token").last.click()
        page.get_by_role("heading", name=name).wait_for()
        assert open_with(alice) == 200

        bob.page.reload()
        expect(bob.page.locator(".asks li").filter(has_text=name)).to_contain_text("Granted")
        assert alice.complaints == bob.complaints == []
        assert mailed(stack, "token_request_granted", "bob@acme.example")["token_name"] == name


def test_person_is_invited_and_promoted_using_only_the_keyboard(browser: Browser, stack: Stack) -> None:
    email = "dora-keys@acme.example"
    with visiting(browser, stack) as alice, visiting(browser, stack) as dora:
        keyboard = alice.page.keyboard
        alice.enter()
        press(alice, "People", "**/people/")
        press(alice, "Invite someone", "**/invite/")
        expect(alice.page.get_by_label("Email")).to_be_focused()
        keyboard.type(email)
        alice.tab_to("Member")
        keyboard.press("ArrowDown")
        expect(alice.page.get_by_role("radio", name="Administrator", exact=True)).to_be_checked()
        keyboard.press("ArrowUp")
        press(alice, "Send invitation", "**/people/")

        dora.page.goto(mailed(stack, "invited", email)["link"])
        for label in ("New Password", "New Password (again)"):
            dora.tab_to(label)
            dora.page.keyboard.type(CHOSEN)
        press(dora, "Save the password", "**/key/done/")
        press(dora, "Sign in", "**/login/")
        expect(dora.page.get_by_label("Email")).to_be_focused()
        dora.page.keyboard.type(email)
        dora.tab_to("Password")
        dora.page.keyboard.type(CHOSEN)
        dora.page.keyboard.press("Enter")
        dora.page.get_by_text("You are a member of Acme").wait_for()

        press(alice, f"Change to administrator ({email})", "**/role/")
        press(alice, "Change to administrator", "**/people/")
        # The change of role has ended her session.
        dora.page.goto(f"{dora.tokens}new/")
        expect(dora.page.get_by_label("Email")).to_be_focused()
        dora.page.keyboard.type(email)
        dora.tab_to("Password")
        dora.page.keyboard.type(CHOSEN)
        dora.page.keyboard.press("Enter")
        dora.page.get_by_role("heading", name="Create token").wait_for()
        dora.tab_to("Name")
        dora.page.keyboard.type("Typed by Dora")
        dora.page.keyboard.press("Enter")
        dora.page.get_by_role("heading", name="Typed by Dora").wait_for()
        assert open_with(dora) == 200
        press(alice, f"Remove… {email}", "**/remove/")
        press(alice, "Remove from the account", "**/people/")
        expect(person(alice.page, email)).to_have_count(0)


@pytest.mark.covers("R3")
def test_member_asks_and_is_answered_using_only_the_keyboard(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as bob, visiting(browser, stack) as alice:
        bob.enter("bob@acme.example")
        for label, text in (("Name of the token", "Typed by Bob"), ("What is it for?", "For the board")):
            bob.tab_to(label)
            bob.page.keyboard.type(text)
        bob.tab_to("Target software")
        bob.page.keyboard.type("Python")
        bob.tab_to("Ask an administrator")
        bob.page.keyboard.press("Enter")
        bob.page.get_by_role("status").wait_for()

        alice.enter()
        press(alice, "Create it Typed by Bob", "**/new/?request=*")
        expect(alice.page.get_by_label("Target software")).to_have_value("Python")
        alice.tab_to("Create token")
        alice.page.keyboard.press("Enter")
        alice.page.get_by_role("heading", name="Typed by Bob").wait_for()
        assert open_with(alice) == 200
        bob.page.reload()
        expect(bob.page.locator(".asks li").filter(has_text="Typed by Bob")).to_contain_text("Granted")


def press(visitor: Visitor, name: str, leads_to: str) -> None:
    """Move to the named element by Tab, press Enter, and wait for the next page."""
    visitor.tab_to(name)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url(leads_to)


@pytest.mark.timeout(600)
def test_every_page_of_people_and_requests_follows_the_rules(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        for _name in tour(visitor):
            visitor.check_every_look()
