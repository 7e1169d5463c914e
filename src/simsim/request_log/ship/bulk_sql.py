"""Writes many rows at once, in the fastest way that each database offers: Django's models take five times as long."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from simsim.credential.decision import Cause, Reason
from simsim.request_log import durations, partitions, row_ids
from simsim.request_log.models import Endpoint
from simsim.request_log.partitions import TABLE
from simsim.request_log.ship import copy_format
from simsim.request_log.ship.counts import Key
from simsim.request_log.ship.join import RequestRow

FIRST_DAY = row_ids.EPOCH.date()
DAY_MICROSECONDS = 86_400_000_000
MAX_VALUES = 900  # per statement; SQLite accepts only 999 if it was built with its old limit

NAMES = ("id", *RequestRow._fields, "endpoint_id")
COLUMNS = ", ".join(NAMES)
INSERT = f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({', '.join(['%s'] * len(NAMES))})"  # noqa: S608 - our own names
COPY = f"COPY {TABLE} ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
# SQLite and PostgreSQL use the same SQL. Lines from several files do not arrive in order of time, so the latest use
# wins.
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
ADDRESS_DAY = """
    INSERT INTO request_log_tokenaddressday AS kept (token_id, day, address, account_id, accepted)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (token_id, day, address) DO UPDATE SET accepted = kept.accepted + excluded.accepted
"""
NUMBERS = ("accepted", "refused", *durations.COLUMNS)
COUNT = f"""
    INSERT INTO request_log_usagecount AS kept
        (account_id, hours, kind, value, began_hour, {", ".join(NUMBERS)})
    VALUES (%s, %s, %s, %s, %s{", %s" * len(NUMBERS)})
    ON CONFLICT (account_id, hours, kind, value, began_hour) DO UPDATE SET
        {", ".join(f"{name} = kept.{name} + excluded.{name}" for name in NUMBERS)}
"""  # noqa: S608
BY_PREVIOUS = {Cause.PREVIOUS_PASSWORD, Cause.PREVIOUS_AND_OUTSIDE, Cause.PREVIOUS_AND_LIMITS}


class Uses(NamedTuple):
    """The values of USE and ADDRESS_DAY: each token's last use, and how often each address used it on each day."""

    last: list[tuple[Any, ...]]
    days: list[tuple[Any, ...]]


@contextmanager
def inserted(
    alias: str,
    rows: Sequence[RequestRow],
    moments: Sequence[int],
    endpoint_ids: Iterable[int | None],
    *,
    attempt: int = 0,
) -> Iterator[list[int]]:
    """Store the rows, which must be in the order of their time, and yield their ids. Enter this context inside a
    transaction.

    PostgreSQL still stores the rows while the `with` block runs, so work in the block adds no time. `moments` are the
    rows' times in microseconds since 1970. Raises IntegrityError at the end of the block if another batch has taken an
    id: try again, with the next `attempt`.
    """
    ids = row_ids.allocate(moments, attempt=attempt)
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            partitions.create(cursor, ids)
            with connection.wrap_database_errors, cursor.copy(COPY) as copy:
                for piece in copy_format.encoded(ids, moments, rows, endpoint_ids):
                    copy.write(piece)
                yield ids
        else:
            cursor.executemany(INSERT, list(_as_sqlite_keeps_them(ids, rows, endpoint_ids)))
            yield ids


def endpoint_ids(names: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return the ids of endpoints by account and name, after storing the new endpoints.

    Accounts are given as integers.
    """
    wanted = set(names)
    known = _known_endpoints(wanted)
    if missing := sorted(wanted - known.keys()):
        new = [Endpoint(account_id=UUID(int=account), name=name) for account, name in missing]
        Endpoint.objects.bulk_create(new, ignore_conflicts=True)
        known |= _known_endpoints(missing)
    return known


def uses_of(rows: Sequence[RequestRow], moments: Sequence[int]) -> Uses:
    """Return how tokens were used, from the rows of the requests that were let in.

    The rows must be in the order of their time; `moments` are their times in microseconds since 1970.
    """
    let_in = [
        (row.token_id.int, moment // DAY_MICROSECONDS, row)
        for row, moment in zip(rows, moments, strict=True)
        if row.token_id is not None and row.reason == Reason.OK
    ]
    last = {token: row for token, _, row in let_in}
    previous = {token: row.received_at for token, _, row in let_in if row.cause in BY_PREVIOUS}
    uses = [
        (row.token_id, row.account_id, row.received_at, row.address, previous.get(token)) for token, row in last.items()
    ]
    addresses = Counter([(token, day, row.address) for token, day, row in let_in])
    days = [
        (last[token].token_id, FIRST_DAY + timedelta(day), address or "", last[token].account_id, number)
        for (token, day, address), number in addresses.items()
    ]
    return Uses(uses, days)


def note_uses(alias: str, uses: Uses) -> None:
    """Store the uses of tokens. Call it in the transaction that stores their rows."""
    _note(alias, USE, uses.last)
    _note(alias, ADDRESS_DAY, uses.days)


def add_counts(alias: str, tallied: Mapping[Key, Sequence[int]]) -> None:
    """Add to the usage counts. Call it in the transaction that stores the counted rows."""
    # Every node uses the same order, so that two nodes that update the same counts can't deadlock.
    values: list[tuple[Any, ...]] = sorted((*key, *numbers) for key, numbers in tallied.items())
    if values:
        with connections[alias].cursor() as cursor:
            cursor.executemany(COUNT, values)


def _known_endpoints(names: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    by_account: dict[int, list[str]] = {}
    for account, name in names:
        by_account.setdefault(account, []).append(name)
    found: dict[tuple[int, str], int] = {}
    for account, wanted in by_account.items():
        for first in range(0, len(wanted), MAX_VALUES):
            some = Endpoint.objects.filter(account_id=UUID(int=account), name__in=wanted[first : first + MAX_VALUES])
            found |= {(account, name): number for name, number in some.values_list("name", "pk")}
    return found


def _note(alias: str, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
    connection = connections[alias]
    # Every node uses the same order, so that two nodes that update the same tokens can't deadlock.
    ordered = sorted(values, key=lambda row: (row[0], str(row[1:3])))
    if connection.vendor == "sqlite":
        ordered = [tuple(map(_kept, row)) for row in ordered]
    if ordered:
        with connection.cursor() as cursor:
            cursor.executemany(statement, ordered)


def _as_sqlite_keeps_them(
    ids: Iterable[int], rows: Iterable[RequestRow], endpoint_ids: Iterable[int | None]
) -> Iterator[tuple[Any, ...]]:
    moments, accounts, tokens, *others = zip(*rows, strict=True)
    return zip(ids, map(_moment, moments), map(_hex, accounts), map(_hex, tokens), *others, endpoint_ids, strict=True)


def _kept(value: Any) -> Any:
    """Return a value as Django stores it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return _moment(value)
    return str(value) if isinstance(value, date) else value


def _moment(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))


@lru_cache(maxsize=16_384)
def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex
