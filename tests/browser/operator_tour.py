"""A tour through the operator's pages, in an installation that has trouble."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from browser.visitor import Visitor
from stack import PASSWORD, Stack

OLGA = "olga@operator.example"
LONG = f"{'a-very-long-name' * 3}@a-very-long-host.acme.example"
OWED = """INSERT OR REPLACE INTO mail_owedmail (dedupe, kind, recipient, account_id, facts, owed_at, due_at, attempts,
    last_error, given_up_at) VALUES (?, ?, ?, ?, '{}', ?, ?, 4, ?, ?)"""
MOMENT = "2026-11-24 12:00:00"
MAILS = (
    ("token_expiring", LONG, "550 5.1.1 The email account that you tried to reach does not exist", MOMENT),
    ("invited", "new@acme.example", "421 try again later", MOMENT),
    ("token_expired", "bob@acme.example", "withdrawn: the token was revoked", MOMENT),
)


def as_operator(visitor: Visitor) -> Iterator[str]:
    """Visit every page for operators; yield the name of each when it is shown."""
    make_trouble(visitor.stack)
    page, operator = visitor.page, f"{visitor.home}operator/"
    visitor.sign_in(OLGA)
    page.wait_for_url("**/operator/")
    yield "operator, status"
    page.get_by_role("link", name="Checks").click()
    page.get_by_text("does not accept email").wait_for()
    yield "operator, checks"
    page.goto(f"{operator}mail/?state=given_up")
    yield "operator, emails"
    page.get_by_role("button", name=f"Retry the email to {LONG}").click()
    page.get_by_role("status").wait_for()
    yield "operator, email retried"
    page.goto(f"{operator}accounts/")
    yield "operator, accounts"
    page.goto(f"{operator}accounts/?q=nothing+like+it")
    yield "operator, no account found"
    page.goto(f"{operator}data/")
    yield "operator, data"


def make_trouble(stack: Stack) -> None:
    """Make Olga an operator, and give up some emails. Doing it again gives them up again."""
    if not stack.simsim("operator", "list")["items"]:
        stack.simsim("operator", "add", OLGA, "--password-stdin", stdin=PASSWORD)
    account = stack.account.replace("-", "")
    with closing(sqlite3.connect(stack.data / "simsim.sqlite3", timeout=20)) as database, database:
        database.executemany(
            OWED,
            [
                (f"tour:{kind}", kind, recipient, account, MOMENT, MOMENT, error, given_up)
                for kind, recipient, error, given_up in MAILS
            ],
        )
