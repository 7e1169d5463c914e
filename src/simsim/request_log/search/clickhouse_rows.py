"""Reads the log's rows from ClickHouse, each once and in its latest version.

ClickHouse merges the versions of a row at some later time. Its own FINAL merges them while it reads, but reads all of
an account's rows for one page. So a search reads any version that matches, and leaves out those that have a later one.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from simsim.request_log.clickhouse.native_format import NO_ACCOUNT
from simsim.request_log.clickhouse.server import ask
from simsim.request_log.clickhouse.table import TABLE
from simsim.request_log.models import LoggedRequest
from simsim.request_log.row_ids import EPOCH, LAST
from simsim.request_log.search.conditions import Sql

FIELDS = [field.attname for field in LoggedRequest._meta.concrete_fields]
COLUMNS = ", ".join(FIELDS).replace("received_at", "toUnixTimestamp64Micro(received_at)")
READ = f"SELECT {COLUMNS}, batch, version FROM {TABLE} WHERE"  # noqa: S608 - our own names
GROUP = "token_id, endpoint_id, method, address, status, outcome"
AT_ONCE = 5_000
AT, ACCOUNT, TOKEN = (FIELDS.index(name) for name in ("received_at", "account_id", "token_id"))


def newest(asked: Sql, low: int, high: int, number: int) -> list[LoggedRequest]:
    """Return the newest rows that match, with ids from `low` up to but not including `high`.

    There are at most `number` of them, or more only if the last ones share an id.
    """
    rows: list[LoggedRequest] = []
    while (wanted := number - len(rows)) > 0:
        found = ask(
            f"{READ} {asked.text} AND id >= %s AND id < %s ORDER BY id DESC LIMIT {wanted} WITH TIES",
            (*asked.parameters, low, high),
        )
        rows += map(_row, _latest(found))
        if len(found) < wanted:
            break
        high = found[-1][0]
    return rows


def with_ids(ids: Sequence[int]) -> Iterator[LoggedRequest]:
    """Yield the rows with these ids that exist, oldest first."""
    for first in range(0, len(ids), AT_ONCE):
        some = sorted(ids[first : first + AT_ONCE])
        if some:
            asked = Sql(f"id IN ({', '.join(['%s'] * len(some))})", tuple(some))
            yield from newest(asked, some[0], some[-1] + 1, LAST)[::-1]


def ids_between(account_id: UUID, low: int, high: int) -> list[list[int]]:
    """Return the lowest id of the account's rows from `low` up to but not including `high`, in a list of one row."""
    oldest = f"SELECT id FROM {TABLE} WHERE account_id = %s AND id >= %s AND id < %s ORDER BY id LIMIT 1"  # noqa: S608
    return ask(oldest, (account_id, low, high))


def last_refusals(account_id: UUID, reason: str, since: int) -> dict[UUID, int]:
    """Return the id of each token's newest refused request with this reason, from the id `since` on."""
    query = f"""
        SELECT token_id, max(id) FROM {TABLE}
        WHERE account_id = %s AND id >= %s AND reason = %s AND token_id IS NOT NULL GROUP BY token_id
    """  # noqa: S608
    return {UUID(token): newest_id for token, newest_id in ask(query, (account_id, since, reason))}


def extent() -> tuple[int, int, int] | None:
    """Return the lowest id, the highest id and about how many rows there are, or None if there are none."""
    low, high, number = ask(f"SELECT min(id), max(id), count() FROM {TABLE}")[0]  # noqa: S608
    return (low, high, number) if number else None


def call_totals(asked: Sql, low: int, high: int) -> list[list[Any]]:
    """Return the number of the matching rows with a token, and their lowest and highest id, for each GROUP."""
    query = f"""
        SELECT {GROUP}, count(), min(id), max(id) FROM {TABLE} FINAL
        WHERE {asked.text} AND id >= %s AND id < %s AND token_id IS NOT NULL GROUP BY {GROUP}
    """  # noqa: S608
    return ask(query, (*asked.parameters, low, high))


def _latest(found: Sequence[list[Any]]) -> list[list[Any]]:
    """Return one version of each row, without those that have a later one; the newest row first."""
    by_key: dict[tuple[int, int], list[Any]] = {}
    for row in found:
        *_, batch, version = row
        known = by_key.get((row[0], batch))
        if known is None or known[-1] < version:
            by_key[row[0], batch] = row
    open_rows = [key for key, row in by_key.items() if row[-1] == 0]
    for first in range(0, len(open_rows), AT_ONCE):
        for key in _ended(open_rows[first : first + AT_ONCE], by_key):
            del by_key[key]
    return sorted(by_key.values(), key=lambda row: (row[0], row[-2]), reverse=True)


def _ended(keys: Sequence[tuple[int, int]], by_key: dict[tuple[int, int], list[Any]]) -> Iterator[tuple[int, int]]:
    """Yield those of the rows that have a version with their end."""
    accounts = sorted({by_key[key][ACCOUNT] for key in keys})
    places = f"account_id IN ({', '.join(['%s'] * len(accounts))}) AND id IN ({', '.join(['%s'] * len(keys))})"
    query = f"SELECT DISTINCT id, batch FROM {TABLE} WHERE version > 0 AND {places}"  # noqa: S608
    still_open = set(keys)  # another row may have the same id
    for row_id, batch in ask(query, (*accounts, *(row_id for row_id, _ in keys))):
        if (row_id, batch) in still_open:
            yield row_id, batch


def _row(values: Sequence[Any]) -> LoggedRequest:
    fields = list(values[: len(FIELDS)])
    fields[AT] = EPOCH + timedelta(microseconds=fields[AT])
    fields[ACCOUNT] = None if fields[ACCOUNT] == str(NO_ACCOUNT) else UUID(fields[ACCOUNT])
    fields[TOKEN] = fields[TOKEN] and UUID(fields[TOKEN])
    return LoggedRequest.from_db(None, FIELDS, fields)
