"""Many rows at once, in each database's own fastest way: through Django's models it takes five times as long."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from simsim.credential.decision import Reason
from simsim.request_log.joining import Row

TABLE = "request_log_loggedrequest"
COLUMNS = ", ".join(("id", *Row._fields))
INSERT = f"INSERT INTO {TABLE} ({COLUMNS}) VALUES (%s{', %s' * len(Row._fields)})"  # noqa: S608 - our own names
COPY = f"COPY {TABLE} ({COLUMNS}) FROM STDIN"
LAST_ID = f"SELECT seq FROM sqlite_sequence WHERE name = '{TABLE}'"  # noqa: S608
# One by one, and not a range at once: of two nodes each must get its own.
NEXT_IDS = f"SELECT nextval(pg_get_serial_sequence('{TABLE}', 'id')) FROM generate_series(1, %s)"  # noqa: S608
# Written for SQLite and PostgreSQL alike. Lines of several files come in no order of time, so the latest wins.
USE = """
    INSERT INTO request_log_tokenuse (token_id, used_at, address) VALUES (%s, %s, %s)
    ON CONFLICT (token_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address
    WHERE excluded.used_at > request_log_tokenuse.used_at
"""


def insert(alias: str, rows: Sequence[Row]) -> Sequence[int]:
    """Store the rows and return their ids, ascending in the order of the rows. Call it inside a transaction."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return _copy(cursor, rows)
        cursor.execute(LAST_ID)
        (last,) = cursor.fetchone() or (0,)
        # Nobody else takes these: SQLite has one writer at a time, from the transaction's beginning (IMMEDIATE).
        ids = range(last + 1, last + 1 + len(rows))
        cursor.executemany(INSERT, list(_as_sqlite_keeps_them(ids, rows)))
        return ids


def note_uses(alias: str, rows: Iterable[Row]) -> None:
    """Note, for each token that the rows let in, the last time; the rows come in the order of their time."""
    last = {row.token_id: row for row in rows if row.token_id is not None and row.reason == Reason.OK}
    connection = connections[alias]
    on_sqlite = connection.vendor == "sqlite"
    # In one order everywhere: two nodes that note the same tokens may wait for each other, but not in a circle.
    uses = [
        (
            _hex(token_id) if on_sqlite else token_id,
            _moment(row.received_at) if on_sqlite else row.received_at,
            row.address,
        )
        for token_id, row in sorted(last.items())
    ]
    if uses:
        with connection.cursor() as cursor:
            cursor.executemany(USE, uses)


def _copy(cursor: Any, rows: Sequence[Row]) -> Sequence[int]:
    cursor.execute(NEXT_IDS, [len(rows)])
    ids = [row_id for (row_id,) in cursor.fetchall()]
    with cursor.copy(COPY) as copy:
        for row_id, row in zip(ids, rows, strict=True):
            copy.write_row((row_id, *row))
    return ids


def _as_sqlite_keeps_them(ids: Iterable[int], rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    for row_id, row in zip(ids, rows, strict=True):
        yield (row_id, _moment(row.received_at), _hex(row.account_id), _hex(row.token_id), *row[3:])


def _moment(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex
