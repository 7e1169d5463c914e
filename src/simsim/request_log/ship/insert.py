"""Stores rows in the log, adds how their requests ended, and updates all counts, in the caller's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections

from simsim.credential.decision import Reason
from simsim.request_log import row_ids
from simsim.request_log.clickhouse import server
from simsim.request_log.durations import class_of
from simsim.request_log.models import Endpoint, LoggedRequest
from simsim.request_log.row_ids import EPOCH, microseconds_of
from simsim.request_log.ship import bulk_sql, owed_rows
from simsim.request_log.ship.bulk_sql import MAX_VALUES
from simsim.request_log.ship.counts import HOUR_SECONDS, Countable, Counted, counted, tally
from simsim.request_log.ship.join import Open, RequestRow, outcome_of
from simsim.request_log.ship.lines import Completed

HOUR_MICROSECONDS = HOUR_SECONDS * 1_000_000

COMPLETE = """
    UPDATE request_log_loggedrequest SET status = %s, outcome = %s, duration_seconds = %s, bytes = %s WHERE id = %s
"""


class Stored(NamedTuple):
    """The ids of stored rows, the rows themselves, with masked paths, and the ids of their endpoints.

    `batch` is set if the rows are owed to ClickHouse.
    """

    ids: list[int]
    rows: Sequence[RequestRow]
    endpoint_ids: Sequence[int | None]
    batch: int | None

    def text(self, at: int) -> str | None:
        """Return one of the rows as text, for its end; None if the database has it."""
        if self.batch is None:
            return None
        return owed_rows.open_row(self.ids[at], self.rows[at], self.endpoint_ids[at], self.batch)


def store(rows: Sequence[RequestRow]) -> list[int]:
    """Store rows as `store_rows` does; return their ids."""
    return store_rows(rows).ids


def store_rows(rows: Sequence[RequestRow], *, attempt: int = 0, spool: str = "") -> Stored:
    """Store rows, which must be in the order of their time, and their counts.

    Call it inside a transaction. This masks the paths; no later step does. If the log's rows are in ClickHouse, they
    are owed: see `owed_rows`.
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
    endpoint_ids = [known[key] if key else None for key in keys]
    batch = owed_rows.new_batch() if server.is_home() else None
    with _inserted(masked, moments, endpoint_ids, attempt=attempt, batch=batch, spool=spool) as ids:
        uses = bulk_sql.uses_of(masked, moments)
        sums = tally(_counted(masked, moments, names))
    bulk_sql.note_uses(alias, uses)
    bulk_sql.add_counts(alias, sums)
    return Stored(ids, masked, endpoint_ids, batch)


@contextmanager
def _inserted(
    rows: Sequence[RequestRow], moments: Sequence[int], endpoint_ids: Sequence[int | None], *, attempt: int,
    batch: int | None, spool: str,
) -> Iterator[list[int]]:  # fmt: skip
    """Store the rows, or owe them if there is a batch, and yield their ids: see `bulk_sql.inserted`."""
    if batch is None:
        with bulk_sql.inserted(settings.REQUEST_LOG_ALIAS, rows, moments, endpoint_ids, attempt=attempt) as ids:
            yield ids
    else:
        ids = row_ids.allocate(moments)
        owed_rows.owe_new(ids, moments, rows, endpoint_ids, batch, spool)
        yield ids


def complete(ends: Sequence[tuple[Open, Completed]], *, spool: str = "") -> None:
    """Add the ends to stored rows, and correct their counts. A request that is COUNTED_ONLY has no row."""
    # A row without a text was stored before the log's rows moved to ClickHouse.
    in_clickhouse = [(opened, end) for opened, end in ends if opened.row and server.is_home()]
    if in_clickhouse:
        _complete_owed(in_clickhouse, spool)
    if len(in_clickhouse) < len(ends):
        _complete([(opened, end) for opened, end in ends if not (opened.row and server.is_home())])


def _complete_owed(ends: Sequence[tuple[Open, Completed]], spool: str) -> None:
    rows = [owed_rows.opened_row(opened.row or "") for opened, _ in ends]
    names = _endpoint_names({row.endpoint_id for row in rows if row.endpoint_id})
    before: list[Counted] = []
    after: list[Counted] = []
    for row, (_, end) in zip(rows, ends, strict=True):
        if row.account_id is not None:
            at, endpoint = EPOCH + timedelta(microseconds=row.received_at), names.get(row.endpoint_id, "")
            before.append(counted(row.account_id, at, row.reason, row.status, None, endpoint, row.token_id))
            after.append(counted(row.account_id, at, row.reason, end.status, end.seconds, endpoint, row.token_id))
    bulk_sql.add_counts(settings.REQUEST_LOG_ALIAS, tally(after, before))
    ended = [
        owed_rows.ended_row(row, outcome_of(is_refused=opened.is_refused).value, end)
        for row, (opened, end) in zip(rows, ends, strict=True)
    ]
    owed_rows.owe_ended(ended, spool)


def _complete(ends: Sequence[tuple[Open, Completed]]) -> None:
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
        names = _endpoint_names({row[5] for row in rows})
        for row in rows:
            yield (*row[:5], names.get(row[5], ""), row[6])


def _endpoint_names(ids: Iterable[int]) -> dict[int | None, str]:
    wanted = sorted(ids)
    return {
        pk: name
        for first in range(0, len(wanted), MAX_VALUES)
        for pk, name in Endpoint.objects.filter(pk__in=wanted[first : first + MAX_VALUES]).values_list("pk", "name")
    }
