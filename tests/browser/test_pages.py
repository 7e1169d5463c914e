"""Every page: accessible in every look, no wider than the window, without errors, valid HTML, and small."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.console_tour import as_member, empty, tour
from browser.examination import Examination
from browser.operator_tour import as_operator
from browser.visitor import Visitor, visiting
from browser.wire import MAX_BYTES, Wire
from stack import Stack

pytestmark = pytest.mark.timeout(600)
FULL_PAGE_TOKENS = 60


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


@pytest.fixture(scope="module")
def examined(browser: Browser, stack: Stack, ended: str, full_page: None) -> Examination:
    """Every page for an administrator, a newcomer, a member and an operator, visited once."""
    examination = Examination()
    for pages in (lambda visitor: tour(visitor, ended), empty, as_member, as_operator):
        with visiting(browser, stack) as visitor:
            examination.examine(visitor, pages)
    return examination


def test_every_page_follows_the_rules(examined: Examination) -> None:
    assert len(examined.html) == 64
    assert examined.faults == []


def test_every_page_is_valid_html(examined: Examination, tmp_path: Path) -> None:
    """According to the W3C's Nu Html Checker."""
    assert examined.mistakes(tmp_path) == []


def test_every_page_is_small_on_a_first_visit(examined: Examination, capsys: pytest.CaptureFixture[str]) -> None:
    heaviest = max(examined.weights, key=examined.weights.__getitem__)
    with capsys.disabled():
        print(f"\nbytes on the wire, cold: heaviest {examined.weights[heaviest]:,} ({heaviest})")
    assert examined.weights[heaviest] <= MAX_BYTES, examined.weights


def test_a_second_visit_fetches_no_file_again(browser: Browser, stack: Stack, ended: str) -> None:
    with visiting(browser, stack, is_new=True) as visitor:
        wire = Wire(visitor.page.context.new_cdp_session(visitor.page))
        first, second = (set(files_on_the_way(visitor, wire)) for _ in range(2))
    assert first
    assert second == set()


def files_on_the_way(visitor: Visitor, wire: Wire) -> Iterator[str]:
    """Return after the session has ended, sign in and open the tokens; yield the files that were fetched."""
    visitor.page.context.clear_cookies()
    visitor.page.goto(visitor.home)
    visitor.page.wait_for_load_state("networkidle")
    yield from wire.files
    visitor.enter()
    visitor.page.wait_for_load_state("networkidle")
    yield from wire.files
