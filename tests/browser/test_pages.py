"""Every page, light and dark, wide and narrow: accessible, in its window, without an error."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browser.visitor import NARROW, WIDE, Scheme, Visitor, visiting
from stack import PASSWORD, Stack

LOOKS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]


@pytest.fixture(scope="module")
def ended(stack: Stack) -> str:
    """The id of a revoked token, among a few that live."""
    revoked: str = stack.create_token("Revoked long ago")["id"]
    stack.revoke(revoked)
    stack.create_token("x" * 200, "--allow", "2001:db8:1234:5678::/64", "--allow", "10.0.0.0/8", "--allow", "192.0.2.1")
    stack.create_token("Ends soon", expires="1d")
    stack.simsim("user", "create", "bob@acme.example", "--account", stack.account, "--role", "member",
                 "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    return revoked


def tour(visitor: Visitor, ended: str) -> Iterator[str]:
    """Go from page to page; yield the name of each when it is shown."""
    page = visitor.page
    page.goto(visitor.home)
    yield "sign-in"
    page.get_by_role("link", name="Forgot").click()
    yield "forgotten password"
    visitor.sign_in(password="wrong")
    page.get_by_role("alert").wait_for()
    yield "sign-in, refused"
    visitor.sign_in()
    page.wait_for_url("**/tokens/")
    yield "tokens"
    page.goto(f"{visitor.tokens}ended/")
    yield "ended tokens"
    page.goto(f"{visitor.tokens}{ended}/")
    yield "ended token"
    page.goto(f"{visitor.tokens}new/")
    yield "create"
    page.get_by_label("Name").fill(f"Toured {visitor.look}")
    page.get_by_label("Network 1").fill("10.0.0.1/8")
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_role("alert").wait_for()
    yield "create, refused"
    page.get_by_label("Network 1").fill("10.0.0.0/8")
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_label("Username", exact=True).wait_for()
    yield "credentials"
    page.get_by_role("link", name="Open the token").click()
    yield "token"
    page.get_by_role("link", name="Revoke…").click()
    yield "revoke"
    page.get_by_label("Other", exact=True).check()
    page.get_by_role("button", name="Revoke the token").click()
    page.get_by_role("status").wait_for()
    yield "revoked"
    page.locator(".person summary").click()
    yield "menu"
    for address, name in (("nothing", "not found"), ("sign-in/password/change/", "change password"),
                          ("sign-in/reauthenticate/", "is it still you"), ("sign-in/logout/", "sign out")):  # fmt: skip
        page.goto(visitor.home + address)
        yield name


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=str)
def test_every_page_keeps_to_the_rules(
    browser: Browser, stack: Stack, ended: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with visiting(browser, stack, size, scheme) as visitor:
        for _name in tour(visitor, ended):
            visitor.check()


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=str)
def test_empty_lists_and_a_members_page_keep_to_the_rules(
    browser: Browser, stack: Stack, ended: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with visiting(browser, stack, size, scheme) as visitor:
        visitor.sign_in("charlie@globex.example")
        visitor.page.get_by_text("No active token yet").wait_for()
        visitor.check()
        visitor.page.goto(visitor.page.url + "ended/")
        visitor.check()
    with visiting(browser, stack, size, scheme) as visitor:
        visitor.sign_in("bob@acme.example")
        visitor.page.get_by_text("alice@acme.example").wait_for()
        visitor.check()
