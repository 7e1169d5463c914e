"""The usage counts: what a batch of rows adds to them. Counting all rows again would give the same numbers."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import repeat
from typing import Any, NamedTuple
from uuid import UUID

from simsim.credential.decision import Reason
from simsim.request_log import durations

HOUR_SECONDS = 3600
DAY_HOURS = 24
TEN_DAYS_HOURS = 240


class CountKind(StrEnum):
    """A property by which requests are counted.

    For ALL the value is ""; for STATUS it is the status number, or "" if unknown.
    """

    ALL = "all"
    STATUS = "status"
    ENDPOINT = "endpoint"
    TOKEN = "token"  # noqa: S105


# The lengths of the periods in which each kind is counted. An account may have ten thousand tokens, and with ninety
# days for each of them, a page would have too many rows to sum. Periods of ten days need a tenth of the rows.
HOURS = dict.fromkeys(CountKind, (1, DAY_HOURS)) | {CountKind.TOKEN: (1, DAY_HOURS, TEN_DAYS_HOURS)}


class Counted(NamedTuple):
    """The counted properties of one request. Ids are the integers of UUIDs, which Python hashes many times faster.

    `took` is the class of its duration, or None before the request has ended.
    """

    account: int
    hour: int
    is_accepted: bool
    took: int | None
    status: int | None
    endpoint: str
    token: int | None


# The type of a Counted, for code that makes very many of them.
Countable = tuple[int, int, bool, int | None, int | None, str, int | None]


class Key(NamedTuple):
    """The key of one UsageCount: a period of `hours` hours that begins with the hour `began_hour`."""

    account: str
    hours: int
    kind: CountKind
    value: str
    began_hour: int


def hour_of(moment: datetime) -> int:
    """Return the hour of a time: the number of hours since the start of 1970 in UTC."""
    return int(moment.timestamp() // HOUR_SECONDS)


def counted(  # noqa: PLR0917 - called for every row
    account_id: UUID, received_at: datetime, reason: str, status: int | None, seconds: float | None, endpoint: str,
    token_id: UUID | None,
) -> Counted:  # fmt: skip
    """Return the properties by which a row is counted."""
    return Counted(
        account_id.int,
        int(received_at.timestamp()) // HOUR_SECONDS,
        reason == Reason.OK,
        None if seconds is None else bisect_left(durations.BOUNDS, seconds),
        status,
        endpoint,
        token_id.int if token_id else None,
    )


def tally(added: Sequence[Countable], taken_back: Sequence[Countable] = ()) -> dict[Key, list[int]]:
    """Return the numbers to add to each count: accepted, refused, and one for each class of durations.

    Requests without a token are left out of the counts by token.
    """
    found: dict[Key, list[int]] = {}
    for rows, sign in ((added, 1), (taken_back, -1)):
        for (account, hour, is_accepted, took), kind, value, number in _sums(rows):
            for hours in HOURS[kind]:
                key = Key(f"{account:032x}", hours, kind, value, hour - hour % hours)
                numbers = found.setdefault(key, [0] * (2 + durations.CLASSES))
                numbers[0 if is_accepted else 1] += sign * number
                if took is not None:
                    numbers[2 + took] += sign * number
    return {key: numbers for key, numbers in found.items() if any(numbers)}


def _sums(rows: Sequence[Countable]) -> Iterator[tuple[tuple[int, int, bool, int | None], CountKind, str, int]]:
    """Yield how often each value of each kind occurs per account, hour, verdict and class of durations."""
    if not rows:
        return
    accounts, hours, verdicts, took, statuses, endpoints, tokens = zip(*rows, strict=True)
    # The properties that all kinds share are packed into one number per row, so that Counter does the counting in C.
    # Counting each row by all of these properties would take as long as parsing the lines.
    numbered: dict[tuple[int, int, bool, int | None], int] = {}
    shared = [numbered.setdefault(key, len(numbered)) for key in zip(accounts, hours, verdicts, took, strict=True)]
    keys = list(numbered)
    values: dict[CountKind, Iterable[Any]] = {
        CountKind.ALL: repeat(None), CountKind.STATUS: statuses, CountKind.ENDPOINT: endpoints, CountKind.TOKEN: tokens
    }  # fmt: skip
    for kind in CountKind:
        for (nth, value), number in Counter(zip(shared, values[kind], strict=False)).items():
            if kind is not CountKind.TOKEN:
                yield keys[nth], kind, "" if value is None else str(value), number
            elif value is not None:
                yield keys[nth], kind, f"{value:032x}", number
