"""Stores rows in the log, adds how their requests ended, and updates all counts, in the caller's transaction."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import connections

from simsim.credential.decision import Reason
from simsim.request_log.durations import class_of
from simsim.request_log.models import Endpoint, LoggedRequest
from simsim.request_log.row_ids import microseconds_of
from simsim.request_log.ship import bulk_sql
from simsim.request_log.ship.bulk_sql import MAX_VALUES
from simsim.request_log.ship.counts import HOUR_SECONDS, Countable, Counted, counted, tally
from simsim.request_log.ship.join import Open, RequestRow, outcome_of
from simsim.request_log.ship.lines import Completed

HOUR_MICROSECONDS = HOUR_SECONDS * 1_000_000

COMPLETE = """
    UPDATE request_log_loggedrequest SET status = %s, outcome = %s, duration_seconds = %s, bytes = %s WHERE id = %s
"""


def store(rows: Sequence[RequestRow], *, attempt: int = 0) -> list[int]:
    """Store rows, which must be in the order of their time, and their counts; return the rows' ids.

    Call it inside a transaction. This masks the paths; no later step does.
    """
    alias = settings.REQUEST_LOG_ALIAS
    read = settings.REQUEST_LOG_PATHS.read
    paths = [read(row.resource) for row in rows]
    masked = [
        row if path == row.resource else row._replace(resource=path) for row, (path, _) in zip(rows, paths, strict=True)
    ]
    names = [name for _, name in paths]
    moments = [microseconds_of(row.received_at) for row in rows]
    keys = [(row.account_id.int, name) if row.account_id else None for row, name in zip(rows, names, strict=True)]
    known = bulk_sql.endpoint_ids(filter(None, keys))
    endpoint_ids = (known[key] if key else None for key in keys)
    with bulk_sql.inserted(alias, masked, moments, endpoint_ids, attempt=attempt) as ids:
        uses = bulk_sql.uses_of(masked, moments)
        sums = tally(_counted(masked, moments, names))
    bulk_sql.note_uses(alias, uses)
    bulk_sql.add_counts(alias, sums)
    return ids


def complete(ends: Sequence[tuple[Open, Completed]]) -> None:
    """Add the ends to stored rows, and correct their counts. A request that is COUNTED_ONLY has no row."""
    if not ends:
        return
    alias = settings.REQUEST_LOG_ALIAS
    ended = {opened.row_id: (opened, end) for opened, end in ends if opened.row_id}
    before: list[Counted] = []
    after: list[Counted] = []
    for pk, account_id, at, reason, status, endpoint, token_id in _as_stored(list(ended)):
        end = ended[pk][1]
        before.append(counted(account_id, at, reason, status, None, endpoint, token_id))
        after.append(counted(account_id, at, reason, end.status, end.seconds, endpoint, token_id))
    bulk_sql.add_counts(alias, tally(after, before))
    values = [
        (end.status, outcome_of(is_refused=opened.is_refused).value, end.seconds, end.bytes, row_id)
        for row_id, (opened, end) in ended.items()
    ]
    with connections[alias].cursor() as cursor:
        cursor.executemany(COMPLETE, values)


def _counted(rows: Sequence[RequestRow], moments: Sequence[int], names: Sequence[str]) -> list[Countable]:
    """Return the properties by which the rows are counted; a row without an account is not counted."""
    return [
        (
            row.account_id.int,
            moment // HOUR_MICROSECONDS,
            row.reason == Reason.OK,
            None if row.duration_seconds is None else class_of(row.duration_seconds),
            row.status,
            name,
            row.token_id.int if row.token_id else None,
        )
        for row, moment, name in zip(rows, moments, names, strict=True)
        if row.account_id is not None
    ]


def _as_stored(row_ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Yield id, account, time, reason, status, endpoint's name and token of each row that belongs to an account."""
    fields = ("pk", "account_id", "received_at", "reason", "status", "endpoint_id", "token_id")
    for first in range(0, len(row_ids), MAX_VALUES):
        some = LoggedRequest.objects.filter(pk__in=row_ids[first : first + MAX_VALUES], account_id__isnull=False)
        rows = list(some.values_list(*fields))
        names = dict(Endpoint.objects.filter(pk__in={row[5] for row in rows}).values_list("pk", "name"))
        for row in rows:
            yield (*row[:5], names.get(row[5], ""), row[6])
