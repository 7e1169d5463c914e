"""The plan of a search: its leading index and the size of each step, chosen with the help of the usage counts.

A search reads backwards from the newest rows, in steps of whole days or parts of a day. It skips days for which the
counts show no rows, and limits each step to a number of rows of the leading index that can be read in a moment. When
the time is up, the search returns the rows found so far, and the id from which to continue.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections

from simsim.request_log.clickhouse import server
from simsim.request_log.models import LoggedRequest, RetentionMark, TokenAddressDay, UsageCount
from simsim.request_log.outcome import Outcome
from simsim.request_log.partitions import TABLE
from simsim.request_log.row_ids import EPOCH, IDS_PER_DAY, LAST, SLACK, first_id, microseconds_of, moment_of
from simsim.request_log.search import clickhouse_rows
from simsim.request_log.search.conditions import (
    Condition,
    Sql,
    both,
    conditions,
    everything_of,
    of_place,
    resources,
    row_uuid,
)
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.ship.counts import DAY_HOURS, CountKind

IDS_PER_HOUR = IDS_PER_DAY // DAY_HOURS
# The size of one step: the rows of the leading index that have to be read, and the days.
STEP_ROWS = 10_000
STEP_DAYS = 31
# ClickHouse reads columns, and a hundred times as many rows in the same time.
CLICKHOUSE_STEP_ROWS = 1_000_000
# With more values than this, a query for each value takes longer than reading all of the account's rows.
MAX_LEADS = 20
MAX_COUNTED = 500
COLUMNS = ", ".join(field.attname for field in LoggedRequest._meta.concrete_fields)


@dataclass(frozen=True)
class Found:
    """Rows, newest first. The search went back to the id `searched_to`, or to the oldest row if that is None."""

    rows: list[LoggedRequest]
    searched_to: int | None = None


class Counts(NamedTuple):
    """How many rows an index has on each day, and which days and values have matching rows.

    Days are counted from 1970.
    """

    by_day: Counter[int]
    days: set[int]
    values: set[str]


class Step(NamedTuple):
    """The ids that one step searches: from `low` up to, but not including, `high`."""

    low: int
    high: int


class Plan(NamedTuple):
    """The plan: search each of `leads` by `leading_index`, merge the rows, and keep those that also fulfil `rest`.

    `asked` is all of that as one condition, for ClickHouse, which needs no index.
    """

    leads: list[Sql]
    rest: Sql
    steps: list[Step]
    asked: Sql
    leading_index: str = ""


def search(filters: LogFilters, number: int, *, below: int = LAST, patience_seconds: float | None = None) -> Found:
    """Return the newest `number` rows with an id below `below`, or the rows found before the time was up."""
    began = time.monotonic()
    made = plan(filters, below)
    rows: list[LoggedRequest] = []
    for at, step in enumerate(made.steps):
        rows += look(made, step, number - len(rows))
        if len(rows) >= number or at == len(made.steps) - 1:
            break
        if patience_seconds is not None and time.monotonic() - began > patience_seconds:
            return Found(rows, step.low)
    return Found(rows)


def plan(filters: LogFilters, below: int = LAST, *, reads_all: bool = False) -> Plan:
    """Return the plan of a search; raise Invalid for an invalid status.

    With `reads_all`, every row is read that matches, not only the newest: then no step may hold too many of them.
    """
    low = 0 if filters.since is None else first_id(filters.since)
    high = below if filters.until is None else min(below, first_id(filters.until) + SLACK)
    if filters.account_id is None:
        asked = both(*_times(filters), *_of_every_account(filters))
        steps = list(_doubling(low, high)) if server.is_home() else [Step(low, high)]
        return Plan([Sql("1 = 1")], asked, steps, asked)
    account, wanted = everything_of(filters.account_id), conditions(filters, filters.account_id)
    every = _counts(filters.account_id, account, filters.outcome, low, high)
    options: list[tuple[Callable[[str], Sql], str, Counts]] = [(lambda _: account.sql, account.index, every)]
    days = every.days
    for each in wanted:
        if len(each.values) > MAX_COUNTED or not each.lead:
            continue
        if each.kind:
            counts = _counts(filters.account_id, each, filters.outcome, low, high)
            days &= counts.days
        else:
            counts = _counts_of_address(filters.account_id, each.values, low, high)
        if len(counts.values) <= MAX_LEADS:
            options.append((each.lead, each.index, counts))
    lead, index, counts = min(options, key=lambda option: sum(option[2].by_day[day] for day in days))
    rest = [each.sql.fenced for each in wanted if each.lead is not lead]
    by_day = {day: counts.by_day[day] for day in days}
    return Plan(
        [lead(value) for value in sorted(counts.values)],
        both(*_times(filters), *rest),
        list(_steps(by_day, low, high, is_exact=not (rest or reads_all or server.is_home()))),
        both(account.sql, *_times(filters), *(each.sql for each in wanted)),
        index,
    )


def look(made: Plan, step: Step, number: int) -> list[LoggedRequest]:
    """Return the newest rows between the step's ids, at most `number`, or a few more in ClickHouse."""
    if not made.leads:
        return []
    if server.is_home():
        return clickhouse_rows.newest(made.asked, *step, number)
    asked = statement(made, step, number)
    return list(LoggedRequest.objects.raw(asked.text, asked.parameters))


def statement(made: Plan, step: Step, number: int) -> Sql:
    """Return the query of one step."""
    # Name the index: SQLite has no statistics on the values, and may choose another index that gives the same order.
    is_sqlite = connections[settings.REQUEST_LOG_ALIAS].vendor == "sqlite"
    table = f"{TABLE} INDEXED BY {made.leading_index}" if is_sqlite and made.leading_index else TABLE
    selects: list[str] = []
    parameters: list[Any] = []
    for lead in made.leads:
        found = both(lead, Sql("id >= %s AND id < %s", step), made.rest)
        selects.append(f"SELECT {COLUMNS} FROM {table} WHERE {found.text} ORDER BY id DESC LIMIT {number}")  # noqa: S608
        parameters += found.parameters
    if len(selects) == 1:
        return Sql(selects[0], tuple(parameters))
    merged = " UNION ALL ".join(f"SELECT * FROM ({select}) AS of_one" for select in selects)  # noqa: S608
    return Sql(f"{merged} ORDER BY id DESC LIMIT {number}", tuple(parameters))


def _times(filters: LogFilters) -> Iterator[Sql]:
    """Yield the times as conditions, because an id is a little later than its time when many requests share it."""
    yield Sql("1 = 1")
    for moment, comparison in ((filters.since, ">="), (filters.until, "<")):
        if moment is None:
            continue
        if server.is_home():
            yield Sql(f"received_at {comparison} fromUnixTimestamp64Micro(%s, 'UTC')", (microseconds_of(moment),))
        else:
            adapt = connections[settings.REQUEST_LOG_ALIAS].ops.adapt_datetimefield_value
            yield Sql(f"received_at {comparison} %s", (adapt(moment),))


def _of_every_account(filters: LogFilters) -> Iterator[Sql]:
    """Yield the other filters as conditions on the rows of all accounts, which have no counts."""
    if filters.token_id is not None:
        yield Sql("token_id = %s", (row_uuid(filters.token_id),))
    if filters.status is not None:
        yield Sql("status BETWEEN %s AND %s", parse_status(filters.status))
    if filters.endpoint and filters.endpoint != "*":
        yield resources(filters.endpoint)
    if filters.outcome is not None:
        yield Sql("outcome = %s", (filters.outcome.value,))
    if filters.address is not None:
        yield of_place(filters.address)


def _counts(account_id: uuid.UUID, condition: Condition, outcome: Outcome | None, low: int, high: int) -> Counts:
    """Return the counts of the condition's rows."""
    counted = UsageCount.objects.filter(
        account_id=account_id, hours=DAY_HOURS, kind=condition.kind, value__in=condition.values,
        # The id of a row may belong to the day after the row's own.
        began_hour__gte=low // IDS_PER_HOUR - DAY_HOURS, began_hour__lt=high // IDS_PER_HOUR + 1,
    ).values_list("began_hour", "value", "refused", "accepted")  # fmt: skip
    found = Counts(Counter(), set(), set())
    for hour, value, refused, accepted in counted:
        found.by_day[hour // DAY_HOURS] += refused if condition.of_refusals else refused + accepted
        wanted = refused if outcome is Outcome.REFUSED else accepted
        if wanted or (outcome is None and refused):
            found.days.add(hour // DAY_HOURS)
            found.values.add(value)
    return found


def _counts_of_address(account_id: uuid.UUID, spellings: Sequence[str], low: int, high: int) -> Counts:
    """Return the most rows that an address can have on each day: its accepted requests and all refusals."""
    refusals = Condition(Sql(""), None, CountKind.ALL, of_refusals=True)
    every = _counts(account_id, refusals, None, low, high)
    first, last = moment_of(low).date(), moment_of(high).date()
    counted = TokenAddressDay.objects.filter(
        account_id=account_id, address__in=spellings, day__gte=first, day__lte=last
    )
    for day, accepted in counted.values_list("day", "accepted"):
        every.by_day[(day - EPOCH.date()).days] += accepted
    # Until an address has been shortened, nothing is found under its network.
    has_short = RetentionMark.objects.filter(shortened_to__isnull=False).exists()
    return Counts(every.by_day, set(every.by_day), set(spellings if has_short else spellings[:1]))


def _steps(by_day: Mapping[int, int], low: int, high: int, *, is_exact: bool) -> Iterator[Step]:
    """Yield the steps, from the newest day back. `is_exact` means that every row of the leading index matches."""
    days: list[int] = []
    rows = 0
    step_rows = CLICKHOUSE_STEP_ROWS if server.is_home() else STEP_ROWS
    for day in sorted(by_day, reverse=True):
        if days and (len(days) == STEP_DAYS or (rows + by_day[day] > step_rows and not is_exact)):
            for step in _parts(days, 1 if is_exact else ceil(rows / step_rows), low, high):
                high = step.low
                yield step
            days, rows = [], 0
        days, rows = [*days, day], rows + by_day[day]
    if days:
        yield from _parts(days, 1 if is_exact else ceil(rows / step_rows), low, high)


def _doubling(low: int, high: int) -> Iterator[Step]:
    """Yield steps back from the newest row of ClickHouse, each twice as long as the one before, the first an hour."""
    extent = clickhouse_rows.extent()
    if extent is None:
        return
    low, high = max(low, extent[0]), min(high, extent[1] + 1)
    width = IDS_PER_HOUR
    while low < high:
        yield Step(max(low, high - width), high)
        high, width = high - width, 2 * width


def _parts(days: Sequence[int], number: int, low: int, high: int) -> Iterator[Step]:
    """Yield the ids of the days, which are in descending order, in `number` steps of equal length."""
    first, last = days[-1] * IDS_PER_DAY, (days[0] + 1) * IDS_PER_DAY + SLACK
    # Divide whole days, not the time that is left to search: otherwise each continued search would divide the rest
    # again and never end. No part may be empty: a search that continues from the end of an empty part would make no
    # progress.
    for part in range(max(number, 1)):
        lower, upper = (last - (last - first) * nth // max(number, 1) for nth in (part + 1, part))
        if max(low, lower) < min(high, upper):
            yield Step(max(low, lower), min(high, upper))
