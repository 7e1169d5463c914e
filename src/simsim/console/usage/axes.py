"""The axes of the charts: round numbers from zero up, and hours or days at regular positions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext

from simsim.request_log.usage.report import Span

MAX_STEPS = 4
ROUND_STEPS = (1.0, 2.0, 5.0, 10.0)
SUFFIXES = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
FEW_HOURS, MANY_HOURS = 6, 3
WEEK = 7
MAX_MONDAYS = 5

Labels = Callable[[float], str]


@dataclass(frozen=True)
class TimeAxis:
    """The hours or days of a span: their names, and the marks below the axis.

    A mark is a position, its text, and whether only a wide page has room for it.
    """

    names: Sequence[str]
    marks: Sequence[tuple[int, str, bool]]


def steps(most: float, smallest: float) -> list[float]:
    """Return an axis's marks: from 0, in round steps of at least `smallest`, to the first that reaches `most`."""
    least = max(most / MAX_STEPS, smallest)
    # Rounded, because the computed logarithm of 0.001 is slightly below -3, which would give the wrong power of ten.
    power = 10.0 ** math.floor(round(math.log10(least), 12))
    step = next(power * each for each in ROUND_STEPS if power * each >= least * (1 - 1e-9))
    return [step * number for number in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def short_number(value: float) -> str:
    """Return the label of a number on an axis: `800`, `1.2 k`, `3 M`."""
    for size, sign in SUFFIXES:
        if value >= size:
            # Translators: a short number: k stands for a thousand, M for a million, G for a thousand millions.
            return gettext("%(number)s %(sign)s") % {"number": _plain(value / size), "sign": sign}
    return _plain(value)


def short_duration(seconds: float) -> str:
    """Return the label of a duration on an axis: `0`, `20 ms`, `1.5 s`."""
    if not seconds:
        return "0"
    if seconds < 1:
        return gettext("%(number)s ms") % {"number": _plain(seconds * 1000)}
    return gettext("%(number)s s") % {"number": _plain(seconds)}


def time_axis(span: Span) -> TimeAxis:
    """Return the time axis of a span."""
    beginnings = span.beginnings
    if span.hours == 1:
        return TimeAxis([gettext("%(day)s, %(time)s") % {"day": date_format(at, "j M"), "time": f"{at:%H:%M}"}
                      for at in beginnings], _hour_marks(beginnings))  # fmt: skip
    return TimeAxis([date_format(at, "D j M") for at in beginnings], _day_marks(beginnings))


def _hour_marks(beginnings: Sequence[datetime]) -> list[tuple[int, str, bool]]:
    return [
        (place, f"{at:%H:%M}", at.hour % FEW_HOURS != 0)
        for place, at in enumerate(beginnings)
        if at.hour % MANY_HOURS == 0
    ]


def _day_marks(beginnings: Sequence[datetime]) -> list[tuple[int, str, bool]]:
    if len(beginnings) <= WEEK:
        return [(place, date_format(at, "D j"), place % 2 == 1) for place, at in enumerate(beginnings)]
    mondays = [(place, date_format(at, "j M"), False) for place, at in enumerate(beginnings) if at.weekday() == 0]
    return mondays[:: math.ceil(len(mondays) / MAX_MONDAYS)]


def _plain(value: float) -> str:
    rounded = round(value, 2)
    decimals = next(count for count in (0, 1, 2) if round(rounded, count) == rounded)
    return number_format(rounded, decimals)
