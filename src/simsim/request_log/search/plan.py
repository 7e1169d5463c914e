"""The way through the log: which index leads, and how far one look goes, known from the counts beforehand.

Rows are looked for from the newest on, by steps of whole days or parts of a day: only where every counted filter has
rows at all, and so many rows of the leading index at once as can be looked at in a moment. Whoever has no patience for
more steps gets what was found, and where to go on.
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

from simsim.request_log.models import LoggedRequest, TokenAddressDay, UsageCount, uuid_parameter
from simsim.request_log.outcome import Outcome
from simsim.request_log.partitions import TABLE
from simsim.request_log.row_ids import A_DAY, EPOCH, LAST, SLACK, first_id, moment_of
from simsim.request_log.search.conditions import Condition, Sql, both, conditions, everything_of, resources
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.ship.counts import DAY_HOURS, CountKind

AN_HOUR = A_DAY // DAY_HOURS
# So many rows of the leading index are looked at in one step where they must be looked at, and so many days at once.
STEP_ROWS = 10_000
STEP_DAYS = 31
# With more values one index for each takes longer than one look at all the account's rows.
MAX_LEADS = 20
MAX_COUNTED = 500
COLUMNS = ", ".join(field.attname for field in LoggedRequest._meta.concrete_fields)


@dataclass(frozen=True)
class Found:
    """Rows, newest first. `searched_to` is the id down to which was looked, None when there is nothing below."""

    rows: list[LoggedRequest]
    searched_to: int | None = None


class Counts(NamedTuple):
    """How many rows an index holds of each day, counted from the year 1970; on which `days`, and with which `values`,
    there are some that are looked for.
    """

    by_day: Counter[int]
    days: set[int]
    values: set[str]


class Step(NamedTuple):
    """Ids to look between: from `low` on and below `high`."""

    low: int
    high: int


class Plan(NamedTuple):
    """`leads` are searched each by `leading_index`, and their rows merged; `rest` is asked of every row besides."""

    leads: list[Sql]
    rest: Sql
    steps: list[Step]
    leading_index: str = ""


def search(filters: LogFilters, number: int, *, below: int = LAST, patience_seconds: float | None = None) -> Found:
    """Return the newest `number` rows with an id lower than `below`, or those found before patience ended."""
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


def plan(filters: LogFilters, below: int = LAST) -> Plan:
    """Return how to search; raise Invalid for a status that is none."""
    low = 0 if filters.since is None else first_id(filters.since)
    high = below if filters.until is None else min(below, first_id(filters.until) + SLACK)
    if filters.account_id is None:
        return Plan([Sql("1 = 1")], both(*_times(filters), *_of_every_account(filters)), [Step(low, high)])
    account, asked = everything_of(filters.account_id), conditions(filters, filters.account_id)
    every = _counts(filters.account_id, account, filters.outcome, low, high)
    options: list[tuple[Callable[[str], Sql], str, Counts]] = [(lambda _: account.sql, account.index, every)]
    days = every.days
    for each in asked:
        if len(each.values) > MAX_COUNTED or not each.lead:
            continue
        if each.kind:
            counts = _counts(filters.account_id, each, filters.outcome, low, high)
            days &= counts.days
        else:
            counts = _counts_of_address(filters.account_id, filters.address, low, high)
        if len(counts.values) <= MAX_LEADS:
            options.append((each.lead, each.index, counts))
    lead, index, counts = min(options, key=lambda option: sum(option[2].by_day[day] for day in days))
    rest = [each.sql.fenced for each in asked if each.lead is not lead]
    by_day = {day: counts.by_day[day] for day in days}
    return Plan(
        [lead(value) for value in sorted(counts.values)],
        both(*_times(filters), *rest),
        list(_steps(by_day, low, high, is_exact=not rest)),
        index,
    )


def look(made: Plan, step: Step, number: int) -> list[LoggedRequest]:
    """Return the newest rows between the step's ids, `number` at most."""
    if not made.leads:
        return []
    asked = statement(made, step, number)
    return list(LoggedRequest.objects.raw(asked.text, asked.parameters))


def statement(made: Plan, step: Step, number: int) -> Sql:
    """Return the query of one step."""
    # SQLite, which knows nothing of how the values are spread, may take another index that serves the order as well.
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
    """Yield the times as conditions: ids are a little later than their times where many requests share one."""
    adapt = connections[settings.REQUEST_LOG_ALIAS].ops.adapt_datetimefield_value
    yield Sql("1 = 1")
    if filters.since is not None:
        yield Sql("received_at >= %s", (adapt(filters.since),))
    if filters.until is not None:
        yield Sql("received_at < %s", (adapt(filters.until),))


def _of_every_account(filters: LogFilters) -> Iterator[Sql]:
    """Yield the other filters as conditions on the rows of all accounts, for which nothing is counted."""
    if filters.token_id is not None:
        yield Sql("token_id = %s", (uuid_parameter(filters.token_id),))
    if filters.status is not None:
        yield Sql("status BETWEEN %s AND %s", parse_status(filters.status))
    if filters.endpoint and filters.endpoint != "*":
        yield resources(filters.endpoint)
    if filters.outcome is not None:
        yield Sql("outcome = %s", (filters.outcome.value,))
    if filters.address is not None:
        yield Sql("address = %s", (filters.address,))


def _counts(account_id: uuid.UUID, condition: Condition, outcome: Outcome | None, low: int, high: int) -> Counts:
    """Return what is counted of the condition's rows."""
    counted = UsageCount.objects.filter(
        account_id=account_id, hours=DAY_HOURS, kind=condition.kind, value__in=condition.values,
        # A row may have an id of the day after its own.
        began_hour__gte=low // AN_HOUR - DAY_HOURS, began_hour__lt=high // AN_HOUR + 1,
    ).values_list("began_hour", "value", "refused", "accepted")  # fmt: skip
    found = Counts(Counter(), set(), set())
    for hour, value, refused, accepted in counted:
        found.by_day[hour // DAY_HOURS] += refused if condition.of_refusals else refused + accepted
        wanted = refused if outcome is Outcome.REFUSED else accepted
        if wanted or (outcome is None and refused):
            found.days.add(hour // DAY_HOURS)
            found.values.add(value)
    return found


def _counts_of_address(account_id: uuid.UUID, address: str | None, low: int, high: int) -> Counts:
    """Return at most how many rows an address has on which day: what it was let in for, and all that was refused."""
    refusals = Condition(Sql(""), None, CountKind.ALL, of_refusals=True)
    every = _counts(account_id, refusals, None, low, high)
    first, last = moment_of(low).date(), moment_of(high).date()
    counted = TokenAddressDay.objects.filter(account_id=account_id, address=address, day__gte=first, day__lte=last)
    for day, accepted in counted.values_list("day", "accepted"):
        every.by_day[(day - EPOCH.date()).days] += accepted
    return Counts(every.by_day, set(every.by_day), {""})


def _steps(by_day: Mapping[int, int], low: int, high: int, *, is_exact: bool) -> Iterator[Step]:
    """Yield the steps down through the days; `is_exact`: every row of the leading index is one that is looked for."""
    days: list[int] = []
    rows = 0
    for day in sorted(by_day, reverse=True):
        if days and (len(days) == STEP_DAYS or (rows + by_day[day] > STEP_ROWS and not is_exact)):
            for step in _parts(days, 1 if is_exact else ceil(rows / STEP_ROWS), low, high):
                high = step.low
                yield step
            days, rows = [], 0
        days, rows = [*days, day], rows + by_day[day]
    if days:
        yield from _parts(days, 1 if is_exact else ceil(rows / STEP_ROWS), low, high)


def _parts(days: Sequence[int], number: int, low: int, high: int) -> Iterator[Step]:
    """Yield what lies between the ids of the days, which are in descending order, in so many parts of equal length."""
    first, last = days[-1] * A_DAY, (days[0] + 1) * A_DAY + SLACK
    # Parts of the whole days, whatever is left of them: of a part of what is left, something would always be left. And
    # never an empty one: who goes on at its end would stay where he is.
    for part in range(max(number, 1)):
        lower, upper = (last - (last - first) * nth // max(number, 1) for nth in (part + 1, part))
        if max(low, lower) < min(high, upper):
            yield Step(max(low, lower), min(high, upper))
