"""ClickHouse finds what the other databases find: by every filter, page by page, one by one and added up."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings

from clickhouse_rows import ACME, GLOBEX, filter_sets, made_rows
from logged_requests import copy_into_clickhouse, row, store
from simsim.request_log.clickhouse import server
from simsim.request_log.clickhouse.server import ClickHouse
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import Outcome
from simsim.request_log.search import plan, stored_rows
from simsim.request_log.search.call_totals import call_totals
from simsim.request_log.search.export import Format, pieces_of, written
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests

pytestmark = [
    pytest.mark.covers("B1"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
ROWS, PAIRS = 4000, 150


def values_of(rows: list[LoggedRequest]) -> list[dict[str, Any]]:
    return [{name: value for name, value in vars(each).items() if name != "_state"} for each in rows]


@pytest.fixture
def both(clickhouse: ClickHouse, settings: Settings) -> ClickHouse:
    """The same rows in the database, which is asked first, and in ClickHouse."""
    settings.LOG_CLICKHOUSE = None
    made = list(made_rows(ROWS))
    for first in range(0, ROWS, 500):
        store(*made[first : first + 500])
    rows = LoggedRequest.objects.order_by("pk")
    settings.LOG_CLICKHOUSE = clickhouse
    for first in range(0, ROWS, 700):
        copy_into_clickhouse(rows[first : first + 700])
    settings.LOG_CLICKHOUSE = None
    return clickhouse


def test_every_filter_finds_the_same_requests_as_in_the_other_databases(
    both: ClickHouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "CLICKHOUSE_STEP_ROWS", 500)
    found_any = 0
    for chosen in filter_sets(PAIRS):
        filters = LogFilters(**chosen)
        settings.LOG_CLICKHOUSE = None
        expected = list_requests(filters, limit=60)
        settings.LOG_CLICKHOUSE = both
        found = list_requests(filters, limit=60)
        assert values_of(found.items) == values_of(expected.items), chosen
        assert found.next_cursor == expected.next_cursor, chosen
        found_any += bool(found.items)
    assert found_any > 100


@pytest.mark.parametrize("chosen", [{}, {"status": "4xx"}, {"endpoint": "/api/*", "outcome": Outcome.ACCEPTED}])
def test_an_export_is_the_same_file_byte_for_byte(both: ClickHouse, settings: Settings, chosen: dict[str, Any]) -> None:
    files = []
    for home in (None, both):
        settings.LOG_CLICKHOUSE = home
        files.append(b"".join(written(pieces_of(LogFilters(ACME, **chosen)), Format.CSV)))
    assert files[0] == files[1]
    assert len(files[0]) > 10_000


def test_pages_read_one_after_the_other_show_each_request_once(both: ClickHouse, settings: Settings) -> None:
    settings.LOG_CLICKHOUSE = both
    seen: list[int] = []
    cursor = None
    while seen == [] or cursor:
        page = list_requests(LogFilters(ACME), limit=97, cursor=cursor, patience_seconds=0.0)
        seen, cursor = [*seen, *(each.pk for each in page.items)], page.next_cursor
    expected = LoggedRequest.objects.filter(account_id=ACME).order_by("-pk").values_list("pk", flat=True)
    assert seen == list(expected)


def test_single_requests_and_facts_about_all_are_the_same(both: ClickHouse, settings: Settings) -> None:
    ids = list(LoggedRequest.objects.order_by("pk").values_list("pk", flat=True))
    mine = LoggedRequest.objects.filter(account_id=ACME).order_by("pk").values_list("pk", flat=True)[5]
    assert mine is not None
    answers = []
    for home in (None, both):
        settings.LOG_CLICKHOUSE = home
        one = stored_rows.row_with_id(ACME, mine)
        assert one is not None
        answers.append((
            values_of([one]), stored_rows.row_with_id(GLOBEX, mine), stored_rows.row_with_id(ACME, 5),
            values_of(list(stored_rows.rows_with_ids([*ids[:50], 5]))), stored_rows.newest_moment(),
            stored_rows.oldest_id(ACME, above=mine, through=ids[-1]),
            stored_rows.oldest_id(ACME, above=ids[-1], through=ids[-1] + 5),
            stored_rows.refused_as_revoked(ACME, one.received_at), stored_rows.number_of_rows(10),
            call_totals(ACME, LogFilters(ACME, status="4xx")), call_totals(ACME, LogFilters(ACME)),
        ))  # fmt: skip
    assert answers[0] == answers[1]
    assert answers[0][7]


def test_a_filter_may_name_ten_thousand_tokens(clickhouse: ClickHouse) -> None:
    (wanted,) = store(row())
    among = frozenset([uuid.UUID(int=3), *(uuid.uuid4() for _ in range(10_000))])
    assert [each.pk for each in list_requests(LogFilters(ACME, among_tokens=among)).items] == [wanted]


def test_an_empty_log_has_no_requests(clickhouse: ClickHouse) -> None:
    assert list_requests(LogFilters(ACME)).items == []
    assert list_requests(LogFilters(None)).items == []
    assert stored_rows.newest_moment() is None
    assert stored_rows.number_of_rows(5) == 0
    assert list(stored_rows.rows_with_ids([])) == []


def test_a_page_never_ends_between_two_requests_with_one_id(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setattr("simsim.request_log.row_ids.allocate", lambda moments, attempt=0: list(moments))
    for second in range(4):
        for method in ("GET", "POST"):  # as two nodes could, in two batches
            store(row(received_at=now + timedelta(seconds=second), method=method))
    pages: list[list[tuple[int, str]]] = []
    cursor = None
    while not pages or cursor:
        page = list_requests(LogFilters(None), limit=3, cursor=cursor)
        pages, cursor = [*pages, [(each.pk, each.method) for each in page.items]], page.next_cursor
    assert [len(page) for page in pages if page] == [4, 4]
    assert len({each for page in pages for each in page}) == 8


def test_an_open_request_hides_no_ended_one_of_the_same_id(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsim.request_log.row_ids.allocate", lambda moments, attempt=0: list(moments))
    store(row(status=None, outcome=Outcome.UNKNOWN, duration_seconds=None))
    store(row())
    assert sorted(each.outcome for each in list_requests(LogFilters(None)).items) == ["accepted", "unknown"]


def test_what_clickhouse_refuses_is_one_line_without_a_password(clickhouse: ClickHouse, settings: Settings) -> None:
    with pytest.raises(server.Unanswered, match="nothing_like_it"):
        server.ask("SELECT nothing_like_it")
    settings.LOG_CLICKHOUSE = ClickHouse("127.0.0.1", 9, "simsim", "s3cret", "log", is_secure=False)
    with pytest.raises(server.Unanswered) as caught:
        list_requests(LogFilters(None))
    assert "127.0.0.1:9/log" in str(caught.value)
    assert "s3cret" not in str(caught.value) + repr(settings.LOG_CLICKHOUSE)
    assert "\n" not in str(caught.value)
