"""Sends rows to ClickHouse so that each is there once, even if the worker dies at any moment.

ClickHouse has no transactions that include our bookkeeping. So a batch of lines stores its rows as an OwedBatch in the
transaction that moves the positions of its lines. They are then inserted in ClickHouse, and the OwedBatch is deleted. A
worker that dies in between leaves the OwedBatch, and the next one inserts the same rows again: with the same keys, so
that they replace themselves.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from simsim.request_log.clickhouse import server
from simsim.request_log.clickhouse.native_format import Columns, StoredRow, encoded
from simsim.request_log.clickhouse.table import COLUMNS, TABLE
from simsim.request_log.owed_batches import OwedBatch
from simsim.request_log.row_ids import EPOCH, microseconds_of
from simsim.request_log.ship import forward_queue
from simsim.request_log.ship.join import RequestRow
from simsim.request_log.ship.lines import Completed

# After this time, any node's worker delivers what a node owes.
OWN_FOR = timedelta(minutes=1)
OPEN, ENDED = 0, 1


def new_batch() -> int:
    """Return a number that no other batch has."""
    return secrets.randbits(63)


def owe_new(  # noqa: PLR0917 - the columns of the rows
    ids: Sequence[int], moments: Sequence[int], rows: Sequence[RequestRow], endpoint_ids: Sequence[int | None],
    batch: int, spool: str,
) -> None:  # fmt: skip
    """Owe new rows, which are in the order of their time. `moments` are in microseconds since 1970."""
    _, *fields = zip(*rows, strict=True)
    versions = [OPEN if row.duration_seconds is None else ENDED for row in rows]
    _owe([ids, moments, *fields, endpoint_ids, list(repeat(batch, len(ids))), versions], spool)


def owe_ended(rows: Sequence[StoredRow], spool: str) -> None:
    """Owe rows that ClickHouse has, or will have, as open ones."""
    if rows:
        _owe(list(zip(*rows, strict=True)), spool)


def _owe(columns: Columns, spool: str) -> None:
    ids, moments, *_ = columns
    OwedBatch.objects.create(
        batch=new_batch(), spool=spool, rows=len(ids), data=encoded(columns),
        since=EPOCH + timedelta(microseconds=min(moments)), owed_at=datetime.now(UTC),
        forwarded_ids=list(ids) if settings.FORWARD_LOG else [],
    )  # fmt: skip


def deliver(spool: str = "") -> int:
    """Insert in ClickHouse what this spool owes, and what others have owed for long; return the number of rows.

    Raises Unanswered. What was not delivered stays owed.
    """
    if not server.is_home():
        return 0
    mine = Q(spool__in={spool, ""}) | Q(owed_at__lt=datetime.now(UTC) - OWN_FOR)
    delivered = 0
    for batch in list(OwedBatch.objects.filter(mine).order_by("owed_at").values_list("pk", flat=True)):
        delivered += _deliver(batch)
    return delivered


def _deliver(batch: int) -> int:
    owed = OwedBatch.objects.filter(pk=batch).first()
    if owed is None:
        return 0  # another worker delivered it meanwhile
    server.insert(TABLE, list(COLUMNS), bytes(owed.data), rows=owed.rows, token=str(batch))
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        is_settled_here = bool(OwedBatch.objects.filter(pk=batch).delete()[0])
        if is_settled_here:
            forward_queue.queue(owed.forwarded_ids, now=datetime.now(UTC))
    return owed.rows


def open_row(row_id: int, row: RequestRow, endpoint_id: int | None, batch: int) -> str:
    """Return an open row as text, from which `ended_row` makes the whole row without asking ClickHouse."""
    at, account, token, *fields, seconds, size, address, via = row
    values = [row_id, microseconds_of(at), *map(_hex, (account, token)), *fields, seconds, size, address, via]
    return json.dumps([*values, endpoint_id, batch], ensure_ascii=False)


def opened_row(text: str) -> StoredRow:
    """Return the row that `open_row` wrote."""
    row_id, at, account, token, *others = json.loads(text)
    return StoredRow._make([row_id, at, _uuid(account), _uuid(token), *others, OPEN])


def ended_row(row: StoredRow, outcome: str, end: Completed) -> StoredRow:
    """Return the row with its end."""
    return row._replace(
        status=end.status, outcome=outcome, duration_seconds=end.seconds, bytes=end.bytes, version=ENDED
    )


def owed_since() -> Iterable[Any]:
    """Return the times of the oldest row in each batch that ClickHouse does not have yet."""
    return OwedBatch.objects.values_list("since", flat=True)


def _hex(value: UUID | None) -> str | None:
    return value.hex if value else None


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
