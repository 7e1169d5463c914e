"""Rates and quotas: how many requests a token may make in a second, in a day and in a month, and how they are counted.

Days and months are those of UTC. A rate is kept by the generic cell rate algorithm (ITU-T I.371, annex A): one time
says when the bucket will be empty again. A refused request is not counted.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from simsim.credential.allowlist import Fault
from simsim.credential.decision import Cause
from simsim.problem import gettext_noop

MAX_PER_SECOND, MAX_BURST, MAX_QUOTA = 100_000, 1_000_000, 1_000_000_000_000
DAY_SECONDS = 86_400
CACHE_SIZE = 8 * 1024  # caches parsed texts, never counts
# Whole numbers: a sum of floats would be off by a request after some dozens.
NANOSECONDS = 1_000_000_000
WHOLE_SHARE = 1_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_rate = re.compile(r"(\d+) ?/ ?s(?:econd)?(?: burst (\d+))?").fullmatch
_quota = re.compile(r"(\d+) ?/ ?(day|month)").fullmatch


class Rates(NamedTuple):
    """What a token may do; 0 is no limit. With a rate, `burst` requests may come at once, at least 1."""

    per_second: int = 0
    burst: int = 0
    per_day: int = 0
    per_month: int = 0

    @property
    def texts(self) -> list[str]:
        """The rates as people write them, in a fixed order."""
        burst = "" if self.burst == self.per_second else f" burst {self.burst}"
        told = (
            (self.per_second, f"{self.per_second}/s{burst}"),
            (self.per_day, f"{self.per_day}/day"),
            (self.per_month, f"{self.per_month}/month"),
        )
        return [text for number, text in told if number]


class Usage(NamedTuple):
    """What has been counted for one token: when its bucket is empty, in nanoseconds, and its requests.

    `day` is the number of days since 1970, and `month` of months since year 0. `others_…` are the requests that other
    nodes let in, as they last told. Until `share_ends`, in seconds since 1970, this node has only `share` millionths of
    the rate, because others use the rest.
    """

    empty_at: int = 0
    day: int = 0
    month: int = 0
    today: int = 0
    this_month: int = 0
    others_today: int = 0
    others_this_month: int = 0
    share: int = 0
    share_ends: int = 0

    @property
    def total_today(self) -> int:
        return self.today + self.others_today

    @property
    def total_this_month(self) -> int:
        return self.this_month + self.others_this_month


class Excess(NamedTuple):
    """Why a request is too many: which limit, in how many whole seconds the next one passes, and the policy's name."""

    cause: Cause
    seconds: int
    policy: str


def parse_rates(texts: Sequence[str]) -> Rates | Fault:
    """Return the rates written in the texts, or a Fault that says what is wrong. Never raises.

    `10/s`, `10/s burst 20`, `10000/day` and `300000/month`, each kind once at most.
    """
    found: dict[str, int] = {}
    for text in texts:
        written = " ".join(text.lower().replace(",", "").split())
        rate, quota = _rate(written), _quota(written)
        if rate is not None and len(written) < 40:
            new = {"per_second": int(rate[1]), "burst": int(rate[2] or rate[1])}
        elif quota is not None and len(written) < 40:
            new = {f"per_{quota[2]}": int(quota[1])}
        else:
            return _fault(
                gettext_noop("“%(text)s” is no rate or quota. Write 10/s burst 20, 10000/day, 300000/month."), text
            )
        if found.keys() & new.keys():
            return _fault(gettext_noop("“%(text)s” is the second limit of its kind. Keep one of them."), text)
        if not all(1 <= number <= _MOST[name] for name, number in new.items()):
            return _fault(
                gettext_noop(
                    "“%(text)s” is out of range. A rate is from 1 to 100,000 a second with a burst of at most"
                    " 1,000,000; a quota is from 1 to 1,000,000,000,000."
                ),
                text,
            )
        found |= new
    return Rates(**found)


_MOST = {"per_second": MAX_PER_SECOND, "burst": MAX_BURST, "per_day": MAX_QUOTA, "per_month": MAX_QUOTA}


def pack(rates: Rates) -> str:
    """Return the rates as the text that the gate reads: one a line, "" for none."""
    return "\n".join(rates.texts)


@lru_cache(maxsize=CACHE_SIZE)
def unpack(packed: str) -> Rates:
    """Return the rates in the text of `pack`. Raises ValueError for any other text."""
    rates = parse_rates(packed.split("\n")) if packed else Rates()
    if isinstance(rates, Fault):
        raise ValueError("a token has rates that can't be read")  # noqa: TRY004 - the text, not its type, is wrong
    return rates


def current(usage: Usage, now: float) -> Usage:
    """Return the counts as of now: a day or month that is over counts nothing any more."""
    day = int(now // DAY_SECONDS)
    # Where a process has read the time just before midnight, or the clock was set back, the later day goes on.
    if usage.day - 1 <= day <= usage.day:
        return usage
    month = month_of(day)
    usage = usage._replace(day=day, today=0, others_today=0)
    return usage if usage.month == month else usage._replace(month=month, this_month=0, others_this_month=0)


def take(rates: Rates, usage: Usage, now: float) -> tuple[Usage, Excess | None]:
    """Return the counts after one more request, and None; or why it is too many. Reads no clock and does no I/O."""
    empty_at, day, month, today, this_month, others_today, others_this_month, share, share_ends = current(usage, now)
    per_second, burst, per_day, per_month = rates
    excess, interval = None, 0
    if per_second:
        moment, interval = int(now * NANOSECONDS), NANOSECONDS // per_second
        if share and now < share_ends:
            interval = interval * WHOLE_SHARE // share
        # No bucket takes longer to empty, unless the clock was set back or the burst was lowered.
        latest = moment + burst * interval
        empty_at = min(max(empty_at, moment), latest)
        wait = empty_at + interval - latest
        if wait > 0:
            excess = Excess(Cause.RATE, -(-wait // NANOSECONDS), "rate")
    if per_day and today + others_today >= per_day:
        excess = Excess(Cause.QUOTA_DAY, _seconds_left((day + 1) * DAY_SECONDS, now), "day")
    if per_month and this_month + others_this_month >= per_month:
        excess = Excess(Cause.QUOTA_MONTH, _seconds_left(_end_of(day), now), "month")
    if excess is None:
        empty_at = empty_at + interval if per_second else 0
        today, this_month = today + 1, this_month + 1
    return Usage(empty_at, day, month, today, this_month, others_today, others_this_month, share, share_ends), excess


def policy_of(rates: Rates, now: float) -> str:
    """Return the value of the field RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10)."""
    per_second, burst, per_day, per_month = rates
    told = []
    if per_second:
        told.append(f'"rate";q={burst};w={max(1, math.ceil(burst / per_second))}')
    if per_day:
        told.append(f'"day";q={per_day};w={DAY_SECONDS}')
    if per_month:
        day = int(now // DAY_SECONDS)
        told.append(f'"month";q={per_month};w={_end_of(day) - _begin_of(day)}')
    return ", ".join(told)


@lru_cache(maxsize=8)
def month_of(day: int) -> int:
    """Return the number of the month, since year 0, of a day since 1970."""
    then = date.fromordinal(_EPOCH_ORDINAL + day)
    return then.year * 12 + then.month - 1


def day_ends(now: datetime) -> datetime:
    """Return when the quota of a day starts again."""
    return datetime.fromtimestamp((int(now.timestamp() // DAY_SECONDS) + 1) * DAY_SECONDS, UTC)


def month_ends(now: datetime) -> datetime:
    """Return when the quota of a month starts again."""
    return datetime.fromtimestamp(_end_of(int(now.timestamp() // DAY_SECONDS)), UTC)


@lru_cache(maxsize=8)
def _begin_of(day: int) -> int:
    then = date.fromordinal(_EPOCH_ORDINAL + day).replace(day=1)
    return (then.toordinal() - _EPOCH_ORDINAL) * DAY_SECONDS


@lru_cache(maxsize=8)
def _end_of(day: int) -> int:
    then = date.fromordinal(_EPOCH_ORDINAL + day).replace(day=28) + timedelta(days=4)
    return (then.replace(day=1).toordinal() - _EPOCH_ORDINAL) * DAY_SECONDS


def _seconds_left(end: int, now: float) -> int:
    return max(1, math.ceil(end - now))


def _fault(message: str, text: str) -> Fault:
    return Fault(message, {"text": text[:100]})
