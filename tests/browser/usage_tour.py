"""A tour through the usage pages, and the usage that they show."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from browser.visitor import Visitor
from stack import Stack
from usage_samples import remember

BY = ("token", "software", "endpoint", "status")


def use(stack: Stack) -> dict[str, Any]:
    """Give Acme three months of usage; today's requests of one token are also in the log. Return that token."""
    token = stack.create_token("Nightly load", "--software", "snowflake")
    others = [stack.create_token(f"{'Very long name ' * number}{number}", *software)["id"] for number, software in (
        (1, ("--software", "excel")), (9, ()), (2, ("--software", "power-bi")))]  # fmt: skip
    unused = stack.create_token("Former partner", "--software", "zapier")["id"]
    remember(stack.data, stack.account, [token["id"], *others], now=datetime.now(UTC))
    with closing(sqlite3.connect(stack.data / "simsim.sqlite3", timeout=20)) as database, database:
        database.execute(
            "UPDATE tokens_token SET created_at = '2026-01-01 00:00:00' WHERE id = ?", (unused.replace("-", ""),)
        )
    for _ in range(3):
        stack.get("/api/v2/never/before", auth=(token["username"], token["password"]))
    stack.wait_until(lambda: len(stack.log_rows(endpoint="/api/v2/never/before")) == 3, "the log has its rows")
    return token


def usage_of(visitor: Visitor) -> str:
    return f"{visitor.home}accounts/{visitor.stack.account}/usage/"


def tour(visitor: Visitor) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown."""
    page, usage = visitor.page, usage_of(visitor)
    for span, by in zip(("30d", "7d", "90d", "24h"), BY, strict=True):
        page.goto(f"{usage}?range={span}&by={by}")
        yield f"usage, {span} by {by}"
    page.locator(".behind summary").click()
    yield "usage, the numbers"
