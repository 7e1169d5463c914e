"""What a page costs whoever opens it: bytes on the wire with nothing kept from before, and with everything kept."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession

from browser import test_pages
from browser.visitor import Visitor, visiting
from stack import Stack

MAX_BYTES = 150_000
FULL_PAGE_TOKENS = 60
ended = test_pages.ended  # pytest looks for a fixture in the module of its test


class Wire:
    """What the browser received since the last page was asked for, as the browser's own protocol counts it."""

    def __init__(self, session: CDPSession) -> None:
        self.received: dict[str, float] = {}
        self.addresses: dict[str, str] = {}
        self.kept: set[str] = set()
        for name in ("requestWillBeSent", "requestServedFromCache", "responseReceived", "loadingFinished"):
            session.on(f"Network.{name}", getattr(self, name))
        session.send("Network.enable")

    def requestWillBeSent(self, event: dict[str, Any]) -> None:
        redirect = event.get("redirectResponse")
        if event["type"] == "Document" and not redirect:
            self.received.clear()
            self.addresses.clear()
            self.kept.clear()
        self.addresses[event["requestId"]] = event["request"]["url"]
        self.count(event["requestId"], redirect["encodedDataLength"] if redirect else 0)

    def requestServedFromCache(self, event: dict[str, Any]) -> None:
        self.kept.add(event["requestId"])

    def responseReceived(self, event: dict[str, Any]) -> None:
        if event["response"]["fromDiskCache"]:
            self.kept.add(event["requestId"])

    def loadingFinished(self, event: dict[str, Any]) -> None:
        self.count(event["requestId"], event["encodedDataLength"])

    def count(self, request: str, size: float) -> None:
        self.received[request] = self.received.get(request, 0) + size

    @property
    def bytes(self) -> int:
        return round(sum(self.received.values()))

    @property
    def fetched(self) -> dict[str, int]:
        """The size of everything that came over the wire, by its address."""
        return {
            self.addresses[request]: round(size) for request, size in self.received.items() if request not in self.kept
        }

    @property
    def files(self) -> list[str]:
        return [address for address in self.fetched if "/static/" in address]


@pytest.fixture(scope="module")
def full_page(stack: Stack) -> None:
    """More tokens than one page shows, each with everything that a row can have; copied row by row in the database."""
    model = stack.create_token(
        "Month-end reconciliation, Frankfurt", "--description", "Runs on the finance server at night. " * 3,
        "--software", "power-bi", "--allow", "198.51.100.0/24", "--allow", "2001:db8:17::/48", "--allow", "10.0.0.0/8",
        expires="40d",
    )  # fmt: skip
    with closing(sqlite3.connect(stack.data / "simsim.sqlite3", timeout=20)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(tokens_token)")]
        fresh = {"id": "lower(hex(randomblob(16)))", "name": "name || ' ' || n", "digest": "randomblob(32)"}
        database.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
            f"INSERT INTO tokens_token ({', '.join(columns)}) SELECT "
            f"{', '.join(fresh.get(column, column) for column in columns)} FROM tokens_token, numbers WHERE id = ?",
            (FULL_PAGE_TOKENS, model["id"].replace("-", "")),
        )


@pytest.mark.timeout(300)
def test_every_page_is_light_for_whoever_comes_for_the_first_time(
    browser: Browser,
    stack: Stack,
    ended: str,
    full_page: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights: dict[str, int] = {}
    with visiting(browser, stack) as visitor:
        session = visitor.page.context.new_cdp_session(visitor.page)
        wire = Wire(session)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        for name in test_pages.tour(visitor, ended):
            visitor.page.wait_for_load_state("networkidle")
            assert wire.files, f"{name}: nothing was fetched, so nothing was measured"
            weights[name] = wire.bytes
    report = json.dumps(weights, indent=1)
    with capsys.disabled():
        print(
            f"\nbytes on the wire, cold: heaviest {max(weights.values()):,} ({max(weights, key=weights.__getitem__)})"
        )
    assert len(weights) > 10
    assert max(weights.values()) <= MAX_BYTES, report


def test_a_second_visit_fetches_no_file_again(browser: Browser, stack: Stack, ended: str) -> None:
    with visiting(browser, stack) as visitor:
        wire = Wire(visitor.page.context.new_cdp_session(visitor.page))
        first, second = (set(files_on_the_way(visitor, wire)) for _ in range(2))
    assert first
    assert second == set()


def files_on_the_way(visitor: Visitor, wire: Wire) -> Iterator[str]:
    """Come back after the session's end, sign in and go to the tokens; yield the files that were fetched for it."""
    visitor.page.context.clear_cookies()
    visitor.page.goto(visitor.home)
    visitor.page.wait_for_load_state("networkidle")
    yield from wire.files
    visitor.sign_in()
    visitor.page.wait_for_url("**/tokens/")
    visitor.page.wait_for_load_state("networkidle")
    yield from wire.files
