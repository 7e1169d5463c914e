"""Logged requests are found again: newest first, by every filter, page by page, and told in sentences."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import CaptureQueriesContext

from logged_requests import logged
from simsim.credential.decision import Cause
from simsim.problem import Invalid
from simsim.request_log.models import LoggedRequest, SetAsideLine, TokenUse
from simsim.request_log.outcome import GatewayCause, Outcome
from simsim.request_log.retention import forget_old
from simsim.request_log.search import plan
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import document, last_uses, list_requests
from simsim.request_log.search.sentences import SENTENCES, sentence

pytestmark = [
    pytest.mark.covers("R17"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACME, GLOBEX, READER, WRITER = (uuid.UUID(int=number) for number in range(1, 5))
CAUSES = [*Cause, *GatewayCause]


def log(second: float = 0, **changed: Any) -> LoggedRequest:
    return logged(received_at=NOON + timedelta(seconds=second), **changed)


def found(**filters: Any) -> list[LoggedRequest]:
    return list_requests(LogFilters(**{"account_id": ACME} | filters)).items


def test_the_newest_request_comes_first() -> None:
    rows = [log(second) for second in (2, 3, 1, 4)]
    assert found() == [rows[3], rows[1], rows[0], rows[2]]


def test_charlie_cannot_find_a_request_of_alices_account() -> None:
    log(account_id=ACME)
    log(account_id=None)
    foreign = log(account_id=GLOBEX)
    assert found(account_id=GLOBEX) == [foreign]
    assert len(found(account_id=None)) == 3


def test_each_filter_finds_only_its_requests() -> None:
    wanted = log(10, token_id=WRITER, resource="/api/v2/funds", status=404)
    log(0)
    log(20, resource="/API/v2/funds", status=503)
    log(20, resource="/api/v2/funds/1", status=None)
    for filters in (
        {"since": NOON + timedelta(seconds=1), "until": NOON + timedelta(seconds=20)},
        {"since": NOON + timedelta(seconds=10), "until": NOON + timedelta(seconds=10, microseconds=1)},
        {"endpoint": "/api/v2/funds"},
        {"endpoint": "/api/v2/f*", "status": 404},
        {"status": 404},
        {"status": "404"},
        {"status": "4xx"},
        {"token_id": WRITER},
    ):
        assert found(**filters) == [wanted], filters
    assert len(found(endpoint="/api/v2/funds*")) == 2
    assert len(found(endpoint="*")) == 4
    assert found(endpoint="/api/v2/%*") == []


def test_filters_without_counts_find_the_same_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [log(minute * 60, token_id=WRITER, address="198.51.100.1") for minute in range(5)]
    for minute in range(5):
        log(minute * 60, token_id=WRITER)
        log(minute * 60, address="198.51.100.1")
    among = frozenset([WRITER, *(uuid.uuid4() for _ in range(plan.MAX_COUNTED))])
    expected = sorted((row.pk for row in wanted), reverse=True)
    monkeypatch.setattr(plan, "STEP_ROWS", 3)
    for filters in (
        {"among_tokens": among, "address": "198.51.100.1"},
        {"token_id": WRITER, "address": "198.51.100.1", "outcome": Outcome.ACCEPTED},
        {"token_id": WRITER, "address": "198.51.100.1", "status": "2xx", "endpoint": "/api/*"},
    ):
        assert [row.pk for row in found(**filters)] == expected


def test_impatient_search_continues_until_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [log(day * 86_400, token_id=WRITER, resource="/b") for day in (0, 9)]
    for day in range(10):
        log(day * 86_400, token_id=WRITER, resource="/a")
        log(day * 86_400, resource="/b")
    monkeypatch.setattr(plan, "STEP_ROWS", 1)
    filters, seen, cursor, pages = LogFilters(ACME, token_id=WRITER, endpoint="/b"), list[LoggedRequest](), None, 0
    while pages == 0 or cursor:
        page = list_requests(filters, 50, cursor, patience_seconds=0.0)
        assert (page.searched_until is None) == (page.next_cursor is None)
        seen, cursor, pages = seen + page.items, page.next_cursor, pages + 1
    assert seen == wanted[::-1]
    assert pages > 2


def test_pages_show_each_request_once_though_others_arrive() -> None:
    rows = [log(second // 3) for second in range(20)]
    seen: list[LoggedRequest] = []
    cursor = None
    while True:
        page = list_requests(LogFilters(ACME), limit=3, cursor=cursor)
        seen += page.items
        log(100)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [row.pk for row in seen] == sorted((row.pk for row in rows), reverse=True)


def test_the_last_page_has_no_cursor() -> None:
    log()
    log()
    assert list_requests(LogFilters(ACME), limit=2).next_cursor is None
    assert list_requests(LogFilters(GLOBEX), limit=1).items == []


@pytest.mark.parametrize("cursor", ["", "x", "1-", "-1", "1-2", "١", "9" * 20, "1\n"])
def test_invalid_cursor_is_a_problem(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        list_requests(LogFilters(ACME), cursor=cursor)
    assert caught.value.errors[0].field == "cursor"


@pytest.mark.parametrize("cursor", ["0", "9" * 19])
def test_every_well_formed_cursor_is_answered(cursor: str) -> None:
    row = log()
    assert list_requests(LogFilters(ACME), cursor=cursor).items == ([] if cursor == "0" else [row])


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_a_problem(limit: int) -> None:
    with pytest.raises(Invalid) as caught:
        list_requests(LogFilters(ACME), limit=limit)
    assert caught.value.errors[0].field == "limit"


@pytest.mark.parametrize("status", [0, 99, 600, "6xx", "4XX", "4x", "x", "", "404 ", "٤٠٤"])
def test_invalid_status_is_a_problem(status: int | str) -> None:
    with pytest.raises(Invalid) as caught:
        found(status=status)
    assert caught.value.errors[0].field == "status"


def test_row_in_json_follows_the_contract() -> None:
    row = log(status=401, outcome="refused", reason="address_not_allowed", cause="address_not_allowed")
    assert document(row) == {
        "id": str(row.pk), "received_at": "2026-11-24T12:00:00.000000Z", "method": "GET",
        "resource": "/api/v2/entities", "status": 401, "outcome": "refused", "reason": "address_not_allowed",
        "detail": "The address 203.0.113.9 is not in the networks that the token “reader” allows.",
        "duration_seconds": 0.25, "token_id": str(READER), "token_name": "reader", "address": "203.0.113.9",
    }  # fmt: skip
    assert document(log(token_id=None, token_name=None))["token_id"] is None


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause != Cause.OK])
def test_every_cause_has_a_sentence_of_its_own(cause: str) -> None:
    row = LoggedRequest(cause=cause, reason="x", outcome="refused", token_name="100% mine", address=None)
    others = LoggedRequest(cause="never heard of", reason="x", outcome="refused")
    assert sentence(row) != sentence(others)
    assert len(set(SENTENCES.values())) == len(CAUSES) - 1


def test_sentence_of_an_accepted_request_says_how_it_ended() -> None:
    ended = [
        sentence(LoggedRequest(cause="ok", outcome=outcome, status=status, token_name="reader"))
        for outcome, status in (("accepted", 200), ("accepted", 502), ("unknown", None), ("accepted", 499))
    ]
    assert len(set(ended)) == 4
    assert "502" in ended[1]
    assert "the caller closed the connection" in ended[3]


@pytest.mark.covers("B5")
def test_last_uses_of_many_tokens_are_one_query() -> None:
    for token in (READER, WRITER):
        TokenUse.objects.create(token_id=token, used_at=NOON, address=None)
    with CaptureQueriesContext(connections[settings.REQUEST_LOG_ALIAS]) as queries:
        uses = last_uses(iter([READER, WRITER, ACME]))
    assert set(uses) == {READER, WRITER}
    assert uses[READER].at == NOON
    assert len(queries) == 1


def test_old_requests_are_deleted_in_small_steps_and_young_ones_stay() -> None:
    for day in range(7):
        log(day * 86_400)
    SetAsideLine.objects.create(found_at=NOON, name="gateway.jsonl", offset=0, text="x")
    now = NOON + timedelta(days=6)
    steps: list[int] = []
    while (gone := forget_old(now, days=1, step=2)) and len(steps) < 100:
        steps.append(gone)
    assert len(steps) > 2
    assert [row.received_at for row in found()] == [NOON + timedelta(days=6), NOON + timedelta(days=5)]
    assert not SetAsideLine.objects.exists()
    assert TokenUse.objects.exists()
