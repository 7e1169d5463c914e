"""Rows in the log, stored and counted as shipping does it."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from simsim.request_log.models import LoggedRequest
from simsim.request_log.row_ids import microseconds_of
from simsim.request_log.search import stored_rows
from simsim.request_log.ship import insert, owed_rows
from simsim.request_log.ship.join import RequestRow

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def row(**changed: Any) -> RequestRow:
    """Return a request that a token let in at noon, with some values changed."""
    values: dict[str, Any] = {
        "received_at": NOON, "account_id": uuid.UUID(int=1), "token_id": uuid.UUID(int=3), "token_name": "reader",
        "method": "GET", "resource": "/api/v2/entities", "status": 200, "outcome": "accepted", "reason": "ok",
        "cause": "ok", "duration_seconds": 0.25, "bytes": 7, "address": "203.0.113.9",
    }  # fmt: skip
    return RequestRow(**values | changed)


def store(*rows: RequestRow) -> list[int]:
    """Store the rows, in the order of their time, and return their ids in that order."""
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        ids = insert.store(sorted(rows, key=lambda each: each.received_at))
    owed_rows.deliver()
    return ids


def copy_into_clickhouse(rows: Iterable[LoggedRequest]) -> None:
    """Store copies of rows from the database in ClickHouse, under the same ids."""
    listed = list(rows)
    copied = [RequestRow(*(getattr(each, name) for name in RequestRow._fields)) for each in listed]
    moments = [microseconds_of(each.received_at) for each in listed]
    endpoint_ids = [each.endpoint_id for each in listed]
    owed_rows.owe_new([each.pk for each in listed], moments, copied, endpoint_ids, owed_rows.new_batch(), "")
    owed_rows.deliver()


def logged(**changed: Any) -> LoggedRequest:
    """Store one request and return it."""
    (found,) = stored_rows.rows_with_ids(store(row(**changed)))
    return found
