"""A token that needs a second administrator: the rule, the request, the approval and the token that works."""

import pytest
from playwright.sync_api import Browser, expect

from browser.outbox import mailed
from browser.visitor import visiting
from stack import PASSWORD, Stack

EVA, FRANK = "eva@umbrella.example", "frank@umbrella.example"


@pytest.fixture(scope="module")
def account(stack: Stack) -> str:
    """Return the id of an account of its own, because its rules would be in the way of other tests."""
    account_id: str = stack.simsim("account", "create", "Umbrella")["id"]
    for email in (EVA, FRANK):
        stack.simsim("user", "create", email, "--account", account_id, "--role", "administrator",
                     "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    return account_id


@pytest.mark.covers("B10")
@pytest.mark.timeout(600)
def test_second_administrator_approves_a_token_that_works(browser: Browser, stack: Stack, account: str) -> None:
    with visiting(browser, stack) as eva, visiting(browser, stack) as frank:
        page, pages = eva.page, f"{eva.home}accounts/{account}/"
        eva.enter(EVA)
        page.goto(f"{pages}policies/")
        page.get_by_label("Approval above this lifetime, in days").fill("30")
        page.get_by_label("A token that any address may use needs an approval").check()
        page.get_by_role("button", name="Save changes").click()
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        eva.check_every_look()

        page.goto(f"{pages}tokens/new/")
        page.get_by_label("Name", exact=True).fill("Archive")
        page.get_by_text("A year").click()
        page.get_by_role("button", name="Create token").last.click()
        expect(page.get_by_role("alert")).to_contain_text("No token was created.")
        eva.check_every_look()
        page.get_by_role("button", name="Ask for approval").click()
        expect(page.get_by_role("status")).to_contain_text("Your request for “Archive” was sent")
        expect(page.get_by_role("button", name="Withdraw Archive")).to_be_visible()
        eva.check_every_look()

        frank.enter(FRANK)
        frank.page.goto(mailed(stack, "token_approval_requested", FRANK)["link"])
        expect(frank.page.get_by_text("any address")).to_be_visible()
        frank.check_every_look()
        frank.page.get_by_role("button", name="Approve").click()
        expect(frank.page.get_by_role("status")).to_contain_text("“Archive” was created.")

        page.goto(mailed(stack, "token_approval_answered", EVA)["link"])
        page.get_by_role("button", name="Show username and password").click()
        username, password = (page.get_by_label(label, exact=True) for label in ("Username", "Password"))
        given = (username.input_value(), password.input_value())
        assert stack.get("/api/v2/entities", auth=given).status == 200
        assert eva.complaints == frank.complaints == []
