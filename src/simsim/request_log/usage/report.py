"""An account's usage over time and by kind, read only from counts, so that a long log does not make it slow."""

import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import connections
from django.db.models import Min

from simsim.request_log import durations
from simsim.request_log.models import UsageCount, uuid_parameter
from simsim.request_log.ship.counts import DAY_HOURS, HOUR_SECONDS, HOURS, TEN_DAYS_HOURS, CountKind, hour_of

MAX_TIMED = 1_000
NOTHING_TOOK = (0,) * durations.CLASSES
# Written by hand, because Django's models can't express it: it sums periods of several lengths and, in its last three
# columns, returns the number and the sums of all groups, including those beyond the limit.
COUNTED = """
    SELECT value, {columns} FROM request_log_usagecount
    WHERE account_id = %s AND kind = %s AND hours = %s AND began_hour >= %s AND began_hour < %s {among}
"""
SUMS = "SELECT value, {sums} FROM ({counted}) AS counted GROUP BY value"
LARGEST = """
    SELECT value, SUM(accepted), SUM(refused),
        COUNT(*) OVER (), SUM(SUM(accepted)) OVER (), SUM(SUM(refused)) OVER ()
    FROM ({counted}) AS counted GROUP BY value ORDER BY SUM(accepted) + SUM(refused) DESC, value LIMIT %s
"""
REQUESTS = ("accepted", "refused")
Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Span:
    """Consecutive whole hours or days in UTC.

    Each is `hours` long, which is 1 or 24; `first_hour` is in hours since the start of 1970.
    """

    hours: int
    first_hour: int
    number: int

    @classmethod
    def last_hours(cls, number: int, now: datetime) -> Self:
        """Return the last hours, including the current one."""
        return cls(1, hour_of(now) - number + 1, number)

    @classmethod
    def last_days(cls, number: int, now: datetime) -> Self:
        """Return the last days, including today."""
        hour = hour_of(now)
        return cls(DAY_HOURS, hour - hour % DAY_HOURS - (number - 1) * DAY_HOURS, number)

    @property
    def end_hour(self) -> int:
        """The hour after the last one."""
        return self.first_hour + self.hours * self.number

    @property
    def beginnings(self) -> list[datetime]:
        """The beginning of each hour or day."""
        first = datetime.fromtimestamp(self.first_hour * HOUR_SECONDS, UTC)
        return [first + timedelta(hours=self.hours * place) for place in range(self.number)]


@dataclass(frozen=True)
class Usage:
    """Accepted and refused requests. `took` counts those that have ended by duration, in the classes of `durations`."""

    accepted: int = 0
    refused: int = 0
    took: Sequence[int] = NOTHING_TOOK

    @property
    def requests(self) -> int:
        return self.accepted + self.refused

    def within(self, share: float) -> float | None:
        """Return the seconds within which this share (0 to 1) of the requests was answered, or None if unknown.

        The result is accurate to a factor of √2.
        """
        return durations.percentile(self.took, share)

    def __sub__(self, other: "Usage") -> "Usage":
        # The difference must not fall below zero: more requests may be counted between the queries for the two usages.
        took = tuple(max(0, mine - its) for mine, its in zip(self.took, other.took, strict=True))
        return Usage(max(0, self.accepted - other.accepted), max(0, self.refused - other.refused), took)


def total(parts: Iterable[Usage]) -> Usage:
    """Return the sum of the parts."""
    listed = list(parts)
    took = tuple(map(sum, zip(NOTHING_TOOK, *(part.took for part in listed), strict=True)))
    return Usage(sum(part.accepted for part in listed), sum(part.refused for part in listed), took)


@dataclass(frozen=True)
class Largest:
    """The values with the most requests, in that order. `others` is the sum of the `others_number` other values.

    `unnamed` is the difference between the total and the sum of all values: the requests without a value of this kind.
    If there are both `others` and `unnamed`, their durations are unknown.
    """

    by_value: Mapping[str, Usage]
    others_number: int
    others: Usage
    unnamed: Usage


@dataclass(frozen=True)
class SpanCounts:
    """The counts of one kind that add up to a span."""

    account_id: uuid.UUID
    kind: CountKind
    times: Sequence[tuple[int, int, int]]

    @classmethod
    def of(cls, account_id: uuid.UUID, span: Span, kind: CountKind) -> Self:
        return cls(account_id, kind, _times(account_id, span, kind))

    def read(
        self, statement: str, columns: Sequence[str], *parameters: Any, among: Sequence[str] = ()
    ) -> list[tuple[Any, ...]]:
        """Return the rows that the statement finds in the counts, or only in those of some values.

        In the statement, `{sums}` stands for the sums of the columns.
        """
        connection = connections[settings.REQUEST_LOG_ALIAS]
        account = uuid_parameter(self.account_id)
        values = f"AND value IN ({', '.join(['%s'] * len(among))})" if among else ""
        part = COUNTED.format(columns=", ".join(columns), among=values)
        sums = ", ".join(f"SUM({column})" for column in columns)
        filled = statement.format(sums=sums, counted=" UNION ALL ".join([part] * len(self.times)))
        asked = [each for times in self.times for each in (account, self.kind.value, *times, *among)]
        with connection.cursor() as cursor:
            cursor.execute(filled, (*asked, *parameters))
            return list(cursor.fetchall())

    def summed(self, of: Usage, among: Sequence[str] = ()) -> Iterator[tuple[str, Usage]]:
        """Yield each value and its usage; `of` is the total of the span."""
        took = columns_in_use(of)
        for value, *numbers in self.read(SUMS, (*REQUESTS, *took), among=among):
            yield value, usage_of(numbers, took)


def columns_in_use(of: Usage) -> Sequence[str]:
    """Return the duration columns that are not zero in the total: the other columns are zero in each part too."""
    return [column for column, number in zip(durations.COLUMNS, of.took, strict=True) if number]


def usage_of(numbers: Sequence[Any], took: Sequence[str]) -> Usage:
    """Return the usage: the numbers of accepted and refused requests, and the number in each duration column `took`."""
    accepted, refused, *counts = map(int, numbers)
    known = dict(zip(took, counts, strict=True))
    return Usage(accepted, refused, [known.get(column, 0) for column in durations.COLUMNS] if took else NOTHING_TOOK)


def series(account_id: uuid.UUID, span: Span) -> list[Usage]:
    """Return the usage of each hour or day of the span, the oldest first."""
    rows = UsageCount.objects.filter(
        account_id=account_id, hours=span.hours, kind=CountKind.ALL, began_hour__gte=span.first_hour,
        began_hour__lt=span.end_hour,
    ).values_list("began_hour", "accepted", "refused", *durations.COLUMNS)  # fmt: skip
    found = {began_hour: Usage(accepted, refused, took) for began_hour, accepted, refused, *took in rows}
    return [found.get(hour, Usage()) for hour in range(span.first_hour, span.end_hour, span.hours)]


def largest(account_id: uuid.UUID, span: Span, kind: CountKind, *, of: Usage, number: int) -> Largest:
    """Return the usage by the values of a kind; `of` is the total of the span.

    The requests are summed for every value, the durations only for the largest: thirty-three more sums for every
    endpoint would take four times as long as the rest of the query.
    """
    counted = SpanCounts.of(account_id, span, kind)
    rows = counted.read(LARGEST, REQUESTS, number)
    if not rows:
        return Largest({}, 0, Usage(), of)
    values = [row[0] for row in rows]
    found = dict(counted.summed(of, among=values))
    by_value = {value: found[value] for value in values if value in found}
    others_number = int(rows[0][3]) - len(rows)
    named = Usage(int(rows[0][4]), int(rows[0][5]))
    rest = of - total(by_value.values())
    unnamed = Usage(of.accepted, of.refused) - named
    if not others_number:
        return Largest(by_value, 0, Usage(), rest)
    if not unnamed.requests:
        return Largest(by_value, others_number, rest, Usage())
    return Largest(by_value, others_number, Usage(rest.accepted, rest.refused) - unnamed, unnamed)


def by_group(account_id: uuid.UUID, span: Span, group_of: Callable[[str], Group], *, of: Usage) -> dict[Group, Usage]:
    """Return the usage of groups of tokens. `group_of` takes a token's id as 32 hexadecimal digits; `of` is the total
    of the span.

    Durations are left out when more than MAX_TIMED tokens were used or refused, because the index holds only sums of
    requests.
    """
    took: Sequence[str] = ()
    counts = SpanCounts.of(account_id, span, CountKind.TOKEN)
    rows = counts.read(SUMS, REQUESTS)
    if len(rows) <= MAX_TIMED:
        took = columns_in_use(of)
        rows = counts.read(SUMS, (*REQUESTS, *took))
    sums: dict[Group, list[int]] = {}
    for value, *numbers in rows:
        group = group_of(value)
        known = sums.get(group)
        sums[group] = numbers if known is None else list(map(add, known, numbers))
    return {group: usage_of(numbers, took) for group, numbers in sums.items()}


def has_ever_been_used(account_id: uuid.UUID) -> bool:
    """Whether any request of the account is counted within the retention time."""
    return UsageCount.objects.filter(account_id=account_id, hours=DAY_HOURS, kind=CountKind.ALL).exists()


def _times(account_id: uuid.UUID, span: Span, kind: CountKind) -> list[tuple[int, int, int]]:
    """Return the periods whose counts add up to the span: each one's length, and the hours between which they begin."""
    days = (span.hours, span.first_hour, span.end_hour)
    if span.hours == 1 or TEN_DAYS_HOURS not in HOURS[kind]:
        return [days]
    # Retention may have deleted some of the first ten days: see `retention`.
    kept = UsageCount.objects.filter(account_id=account_id, hours=DAY_HOURS, kind=CountKind.ALL)
    oldest = kept.aggregate(hour=Min("began_hour"))["hour"] or 0
    first = -(-max(span.first_hour, oldest) // TEN_DAYS_HOURS) * TEN_DAYS_HOURS
    end = span.end_hour // TEN_DAYS_HOURS * TEN_DAYS_HOURS
    if first >= end:
        return [days]
    parts = [(DAY_HOURS, span.first_hour, first), (TEN_DAYS_HOURS, first, end), (DAY_HOURS, end, span.end_hour)]
    return [part for part in parts if part[1] < part[2]]
