"""What a row says is what the log says, whatever it says: rows are written past Django, in each database's own way."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from logged_requests import NOON, row, store
from simsim.request_log.models import Endpoint, LoggedRequest
from simsim.request_log.ship import copy_format
from simsim.request_log.ship.join import RequestRow

pytestmark = pytest.mark.covers("R17")
LATEST = datetime(2255, 1, 1, tzinfo=UTC)


def text(longest: int) -> st.SearchStrategy[str]:
    odd = st.sampled_from("\t\n\r\\\"'.,\\N\x01\x7fé\u2028\U0001f600ab ")
    return st.text(odd | st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=longest)


ROWS = st.builds(
    RequestRow,
    # Of a few days alone: each is a partition on PostgreSQL.
    received_at=st.datetimes(datetime(2026, 11, 23), datetime(2026, 11, 25), timezones=st.just(UTC)),
    account_id=st.none() | st.uuids(),
    token_id=st.none() | st.uuids(),
    token_name=st.none() | text(200),
    method=text(32),
    resource=text(300),
    status=st.none() | st.integers(100, 999),
    outcome=st.sampled_from(["accepted", "refused", "unknown"]),
    reason=st.sampled_from(["ok", "expired"]),
    cause=text(32),
    duration_seconds=st.none() | st.floats(0, 1e9),
    bytes=st.none() | st.integers(0, 2**62),
    address=st.none() | text(45),
    via=st.none() | text(200),
)


def logged(row_ids: list[int]) -> list[tuple[Any, ...]]:
    found = LoggedRequest.objects.in_bulk(row_ids)
    return [tuple(getattr(found[row_id], name) for name in RequestRow._fields) for row_id in row_ids]


class TestRows(TestCase):
    databases = {"default", settings.REQUEST_LOG_ALIAS}

    @given(st.lists(ROWS, min_size=1, max_size=5))
    def test_row_is_read_as_it_was_stored(self, rows: list[RequestRow]) -> None:
        rows.sort(key=lambda each: each.received_at)
        assert logged(store(*rows)) == [tuple(each) for each in rows]


@pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS}))
def test_more_rows_than_are_written_at_once_are_stored_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_format, "ROWS_AT_ONCE", 3)
    for number in (3, 7):
        rows = [row(received_at=NOON + timedelta(seconds=each), resource=f"/{each}") for each in range(number)]
        assert logged(store(*rows)) == [tuple(each) for each in rows]


@pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS}))
def test_first_and_last_times_are_stored_and_endpoints_belong_to_their_account() -> None:
    acme, globex = uuid.UUID(int=1), uuid.UUID(int=2)
    rows = [
        row(received_at=datetime(1970, 1, 1, tzinfo=UTC), account_id=acme),
        row(received_at=NOON, account_id=None),
        row(received_at=LATEST, account_id=globex),
    ]
    row_ids = store(*rows)
    assert logged(row_ids) == [tuple(each) for each in rows]
    endpoints = dict(LoggedRequest.objects.values_list("account_id", "endpoint_id"))
    assert endpoints.pop(None) is None
    assert endpoints == {each.account_id: each.pk for each in Endpoint.objects.all()}
