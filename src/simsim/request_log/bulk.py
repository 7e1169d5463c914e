"""Many rows at once, in each database's own fastest way: through Django's models it takes five times as long."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connections

from simsim.credential.decision import Cause, Reason
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
    INSERT INTO request_log_tokenuse AS kept (token_id, account_id, used_at, address, previous_used_at)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (token_id) DO UPDATE SET
        account_id = COALESCE(excluded.account_id, kept.account_id),
        address = CASE WHEN excluded.used_at > kept.used_at THEN excluded.address ELSE kept.address END,
        used_at = CASE WHEN excluded.used_at > kept.used_at THEN excluded.used_at ELSE kept.used_at END,
        previous_used_at = CASE
            WHEN kept.previous_used_at IS NULL OR excluded.previous_used_at > kept.previous_used_at
            THEN excluded.previous_used_at ELSE kept.previous_used_at END
"""
DAY = """
    INSERT INTO request_log_tokenday AS kept (token_id, day, accepted, refused) VALUES (%s, %s, %s, %s)
    ON CONFLICT (token_id, day) DO UPDATE SET
        accepted = kept.accepted + excluded.accepted, refused = kept.refused + excluded.refused
"""
ADDRESS_DAY = """
    INSERT INTO request_log_tokenaddressday AS kept (token_id, day, address, accepted) VALUES (%s, %s, %s, %s)
    ON CONFLICT (token_id, day, address) DO UPDATE SET accepted = kept.accepted + excluded.accepted
"""
BY_PREVIOUS = {Cause.PREVIOUS_PASSWORD, Cause.PREVIOUS_AND_OUTSIDE}


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
    last: dict[UUID, Row] = {}
    by_previous: dict[UUID, datetime] = {}
    for row in rows:
        if row.token_id is not None and row.reason == Reason.OK:
            last[row.token_id] = row
            if row.cause in BY_PREVIOUS:
                by_previous[row.token_id] = row.received_at
    uses = (
        (token_id, row.account_id, row.received_at, row.address, by_previous.get(token_id))
        for token_id, row in last.items()
    )
    _note(alias, USE, uses)


def count(alias: str, rows: Iterable[Row]) -> None:
    """Add the rows to the counts of their tokens' days. Call it in the transaction that stores them."""
    days: Counter[tuple[UUID, date, bool]] = Counter()
    addresses: Counter[tuple[UUID, date, str]] = Counter()
    for row in rows:
        if row.token_id is None:
            continue
        day, is_in = row.received_at.date(), row.reason == Reason.OK
        days[row.token_id, day, is_in] += 1
        if is_in:
            addresses[row.token_id, day, row.address or ""] += 1
    both = {(token_id, day) for token_id, day, _ in days}
    _note(alias, DAY, ((*key, days[*key, True], days[*key, False]) for key in both))
    _note(alias, ADDRESS_DAY, ((*key, number) for key, number in addresses.items()))


def _note(alias: str, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
    connection = connections[alias]
    # In one order everywhere: two nodes that note the same tokens may wait for each other, but not in a circle.
    ordered = sorted(values, key=lambda row: (row[0], str(row[1:3])))
    if connection.vendor == "sqlite":
        ordered = [tuple(map(_kept, row)) for row in ordered]
    if ordered:
        with connection.cursor() as cursor:
            cursor.executemany(statement, ordered)


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


def _kept(value: Any) -> Any:
    """Return a value as Django keeps it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return _moment(value)
    return str(value) if isinstance(value, date) else value


def _moment(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex
