"""A tour through the pages of the log, and the requests, URLs and elements that its tests use."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, expect

from browser.visitor import Visitor
from stack import Stack

ENTITIES = "/api/v2/entities"
HOSTILE = "/<script>alert(1)</script>/%E2%80%AEtxt/" + "x" * 1900


def call_as_partner(stack: Stack) -> dict[str, Any]:
    """Return a partner's token that allows another network than ours; its call has failed among many that went well."""
    daily = stack.create_token("Daily load")
    partner = stack.create_token("Partner", "--allow", "198.51.100.0/24")
    own = (daily["username"], daily["password"])
    stack.get(HOSTILE, auth=own)
    for number in range(55):
        stack.get(f"/api/v2/funds/{number}", auth=own)
    stack.get("/status/503", auth=own)
    assert stack.get(ENTITIES, auth=(partner["username"], partner["password"])).status == 401
    for _ in range(3):
        stack.get(ENTITIES, auth=own)
    stack.wait_until(lambda: len(stack.log_rows(status="2xx")) == 3, "the log has its rows")
    with closing(sqlite3.connect(stack.data / "request_log.sqlite3", timeout=20)) as database, database:
        database.execute(
            "INSERT INTO request_log_flood (minute, network, account, stored, counted) VALUES (?, ?, ?, 60, 12345)",
            (f"{datetime.now(UTC):%Y-%m-%d %H:%M:00}", "203.0.113.9", stack.account.replace("-", "")),
        )
    return partner


def logs_of(visitor: Visitor) -> str:
    return f"{visitor.home}accounts/{visitor.stack.account}/logs/"


def panel_of(page: Page) -> Any:
    return page.get_by_role("region", name=re.compile("^Request [0-9]+$"))


def tour(visitor: Visitor) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown."""
    page, logs = visitor.page, logs_of(visitor)
    page.goto(logs)
    yield "logs"
    page.get_by_role("link", name=f"GET {ENTITIES}").last.click()
    panel_of(page).wait_for()
    yield "logged request"
    page.goto(f"{logs}?follow=on&range=24h")
    expect(page.get_by_text("New requests appear here automatically")).to_be_visible()
    page.get_by_text("Export", exact=True).click()
    yield "logs, followed"
    page.goto(f"{logs}?range=30d&endpoint=/*&outcome=accepted&status=503&address=127.0.0.1")
    yield "logs, filtered"
    page.goto(f"{logs}?range=7d&since=x&until=y&endpoint=api&outcome=z&status=9&token=1&software=no-such&address=1.2")
    yield "logs, filters refused"
    page.goto(f"{logs}?status=418")
    page.locator(".filters > summary").evaluate("summary => { summary.parentElement.open = true; }")
    yield "logs, nothing found"
    page.goto(f"{logs}?endpoint=/%3Cscript%3E*")
    page.locator(".log-rows .name").first.click()
    panel_of(page).wait_for()
    yield "logged request, hostile"
