"""A tour through the pages of people and of requests for tokens."""

import contextlib
import sqlite3
from collections.abc import Iterator

from browser.visitor import Visitor
from stack import Stack


def people(visitor: Visitor) -> str:
    return f"{visitor.home}accounts/{visitor.stack.account}/people/"


def tour(visitor: Visitor) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown. Changes no people."""
    page, long = visitor.page, f"{'a-very-long-name' * 3}@a-very-long-host.acme.example"
    visitor.enter("bob@acme.example")
    page.get_by_role("button", name="Ask an administrator").wait_for()
    yield "member"
    for name in (f"Feed {visitor.look}", f"Declined {visitor.look}"):
        page.get_by_label("Name of the token").fill(name)
        page.get_by_label("What is it for?").fill("Loads the positions every night.\n" + "x" * 120)
        page.get_by_role("button", name="Ask an administrator").click()
        page.get_by_text(f"Your request for “{name}” was sent").wait_for()
    page.goto(people(visitor))
    yield "member at a page of administrators"
    page.get_by_label("Name of the token").fill("T")
    page.get_by_label("What is it for?").fill(" ")
    page.get_by_role("button", name="Ask an administrator").click()
    page.get_by_role("alert").wait_for()
    yield "asking, refused"
    page.context.clear_cookies()
    visitor.enter()
    yield "requests"
    page.get_by_role("button", name=f"Decline Declined {visitor.look}").click()
    page.get_by_role("status").wait_for()
    visitor.follow(f"Create it Feed {visitor.look}")
    yield "create what was asked for"
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_label("Username", exact=True).wait_for()
    page.goto(f"{visitor.tokens}new/?request=none")
    yield "create, no such request"
    page.goto(people(visitor))
    page.get_by_text("You are the last administrator").wait_for()
    yield "people, last administrator"
    page.get_by_role("link", name="Invite someone").click()
    page.get_by_label("Email").fill("bob@acme.example")
    yield "invite"
    page.get_by_role("button", name="Send invitation").click()
    page.get_by_role("alert").wait_for()
    yield "invite, refused"
    page.get_by_label("Email").fill(long)
    page.get_by_role("radio", name="Administrator", exact=True).check()
    page.get_by_role("button", name="Send invitation").click()
    page.get_by_role("button", name="Resend invitation").first.click()
    page.get_by_role("status").wait_for()
    yield "people"
    visitor.follow("Change to member (alice@acme.example)")
    yield "step down"
    page.goto(people(visitor))
    visitor.follow("Leave… alice@acme.example")
    yield "leave"
    page.goto(people(visitor))
    visitor.follow(f"Change to member ({long})")
    yield "demote"
    page.goto(people(visitor))
    visitor.follow("Change to administrator (bob@acme.example)")
    yield "promote"
    page.goto(people(visitor))
    visitor.follow(f"Remove… {long}")
    yield "remove"
    page.get_by_role("button", name="Remove from the account").click()
    page.get_by_role("status").wait_for()
    page.goto(f"{people(visitor)}{alice_id(visitor.stack)}/remove/")
    page.get_by_role("alert").wait_for()
    yield "leave, refused"
    page.context.clear_cookies()
    visitor.enter("bob@acme.example")
    page.get_by_text("alice@acme.example created it").first.wait_for()
    yield "member, answered"


def alice_id(stack: Stack) -> int:
    with contextlib.closing(sqlite3.connect(stack.data / "simsim.sqlite3")) as connection:
        found = connection.execute("SELECT id FROM accounts_user WHERE email = 'alice@acme.example'").fetchone()
    return int(found[0])
