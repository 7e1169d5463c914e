"""A long search of the log shows its progress, ends, and shows each request exactly once."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from log_pages import NOON, log, page_of, read, signed_in
from simsim.console.logs import fragments, request_list
from simsim.request_log.outcome import Outcome
from simsim.request_log.search import plan
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests
from simsim.tokens.actions import create_token

pytestmark = [pytest.mark.covers("R17"), pytest.mark.django_db(databases="__all__")]
FAR = 'data-hx-get="([^"]+)"'
ROW = r'id="request-([0-9]+)"'


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each day, and each few rows of a day, a separate step, and limit each search to one step."""
    monkeypatch.setattr(plan, "STEP_ROWS", 4)
    monkeypatch.setattr(plan, "STEP_DAYS", 1)
    for name in ("PATIENCE_SECONDS", "PATIENCE_BY_ITSELF_SECONDS", "PATIENCE_BY_LINK_SECONDS"):
        monkeypatch.setattr(request_list, name, 0)


WANTED: dict[str, Any] = {}
OTHER: dict[str, Any] = {"outcome": "unknown", "status": None}


def fill(cast: Cast, *, days: int, every: int) -> list[int]:
    """Log six requests a day; return the ids of the matching ones, newest first."""
    rows = [
        log(cast, received_at=NOON - timedelta(days=day, minutes=minute),
            **(WANTED if minute == 0 and day % every == 0 else OTHER))
        for day in range(days) for minute in range(6)
    ]  # fmt: skip
    return [row.pk for row in rows if row.outcome == "accepted"]


def test_incomplete_page_says_how_far_it_searched_and_continues_to_the_end(cast: Cast, alice: Client) -> None:
    wanted = fill(cast, days=12, every=5)
    content = read(alice, f"{page_of(cast)}?outcome=accepted")
    assert re.search(
        r"No (more )?requests found so far, back to <time[^>]+>[0-9]+ Nov 2026, [0-9:]+ UTC</time>", content
    )
    assert "request found so far" in content or "requests found so far" in content
    assert "There are no older requests" not in content
    seen = [int(pk) for pk in re.findall(ROW, content)]
    turns = 0
    while asked := re.search(FAR, content):
        content = read(alice, asked[1])
        seen += [int(pk) for pk in re.findall(ROW, content)]
        turns += 1
        assert turns <= request_list.MAX_TURNS
    assert seen == wanted
    assert turns > 1
    assert "There are no older requests" in content
    assert "3 requests in total" in content


def test_page_stops_when_it_is_full_and_the_next_begins_below(cast: Cast, alice: Client) -> None:
    wanted = fill(cast, days=70, every=1)
    content = read(alice, f"{page_of(cast)}?outcome=accepted")
    seen = re.findall(ROW, content)
    while asked := re.search(FAR, content):
        content = read(alice, asked[1].replace("turn=40", "turn=1"))
        seen += re.findall(ROW, content)
    assert [int(pk) for pk in seen] == wanted[:50]
    assert "No more requests found" not in content
    while str(wanted[50]) not in seen:
        older = re.search(r'rel="next" href="([^"]+)"', content)
        assert older
        content = read(alice, older[1])
        seen += re.findall(ROW, content)
    assert [int(pk) for pk in seen] == wanted[: len(seen)]


def test_search_stops_by_itself_and_waits_for_a_click(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (request_list, fragments):
        monkeypatch.setattr(module, "MAX_TURNS", 4)
    fill(cast, days=30, every=100)
    content, turns = read(alice, f"{page_of(cast)}?outcome=accepted"), 0
    while asked := re.search(FAR, content):
        content, turns = read(alice, asked[1]), turns + 1
    assert turns == 4
    assert "Search further back" in content


def test_links_page_through_the_whole_log_and_show_each_request_once(cast: Cast, alice: Client) -> None:
    wanted = fill(cast, days=12, every=4)
    address, seen, pages = f"{page_of(cast)}?outcome=accepted", list[str](), 0
    while address:
        content = read(alice, address)
        seen += re.findall(ROW, content)
        older = re.search(r'rel="next" href="([^"]+)"', content)
        address = older[1] if older else ""
        pages += 1
        assert pages < 100
    assert [int(pk) for pk in seen] == wanted
    assert pages > 1


def test_search_without_results_ends_with_a_page_that_says_so(cast: Cast, alice: Client) -> None:
    for day in range(9):
        log(cast, received_at=NOON - timedelta(days=day), status=404)
    content = read(alice, f"{page_of(cast)}?outcome=accepted&address=198.51.100.9")
    assert "No requests found so far" in content
    assert "No requests found so far, back to" in content
    while asked := re.search(FAR, content):
        content = read(alice, asked[1])
    assert "No requests match these filters" in content
    assert 'id="said"' not in content  # the page has it already


def test_cursor_in_the_middle_of_a_full_day_always_advances(cast: Cast) -> None:
    rows = [log(cast, received_at=NOON.replace(hour=hour), address="203.0.113.7") for hour in range(24)]
    filters = LogFilters(cast.acme.pk, outcome=Outcome.ACCEPTED)
    cursor, seen = None, list[int]()
    for _ in range(100):
        page = list_requests(filters, cursor=cursor, patience_seconds=0)
        assert cursor is None or page.next_cursor is None or int(page.next_cursor) < int(cursor)
        seen, cursor = seen + [row.pk for row in page.items], page.next_cursor
        if cursor is None:
            break
    assert seen == sorted((row.pk for row in rows), reverse=True)


@pytest.mark.parametrize(
    "asked",
    ["", "listed=3&turn=1", "below=x&listed=3&turn=1", "below=9&listed=50&turn=1", "below=9&listed=-1&turn=1",
     "below=9&listed=3&turn=0", "below=9&listed=3&turn=41", "below=9&listed=3&turn=1&status=lots",
     "below=9&listed=3&turn=1&token=00000000-0000-0000-0000-000000000007"],
)  # fmt: skip
def test_only_our_own_pages_can_continue_a_search(cast: Cast, alice: Client, asked: str) -> None:
    read(alice, f"{page_of(cast)}more/?{asked}", 404)


@pytest.mark.covers("R1")
def test_charlie_cannot_continue_a_search_in_alices_log(cast: Cast, now: datetime) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", now=now)
    row = log(cast, token)
    charlie, asked = signed_in(cast.charlie), f"more/?below={row.pk + 1}&listed=1&turn=1"
    own = f"/accounts/{cast.globex.pk}/logs/{asked}"
    assert re.findall(ROW, read(signed_in(cast.alice), page_of(cast) + asked)) == [str(row.pk)]
    assert re.findall(ROW, read(charlie, own)) == []
    read(charlie, page_of(cast) + asked, 404)
    read(charlie, f"{own}&token={token.pk}", 404)
    read(signed_in(cast.bob), page_of(cast) + asked, 403)
