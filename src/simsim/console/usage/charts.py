"""Charts of usage: bars and lines in an area that is 100 units high and one unit wide for each hour or day.

The browser stretches this area to the page's width without a script. Text must not be stretched, so the position of
each text is in percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from simsim.console.formats import duration, number
from simsim.console.usage.axes import Labels, TimeAxis, short_duration, short_number, steps
from simsim.request_log.usage.report import Usage

HEIGHT = 100.0
# The part of its hour or day that a bar fills, and the smallest visible height.
BAR_WIDTH, MIN_HEIGHT = 0.78, 0.9
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MIN_SECONDS = 0.001


@dataclass(frozen=True)
class AxisLabel:
    """A label on an axis, at a position in percent; `is_extra`: a narrow page has no room for it."""

    at: str
    label: str
    is_extra: bool = False


@dataclass(frozen=True)
class Shape:
    """One path in the area; `kind` is both its meaning and its CSS class."""

    kind: str
    path: str


@dataclass(frozen=True)
class Chart:
    """A chart: `lines` are the horizontal lines from the bottom up; `descriptions` has a text for each hour or day."""

    shapes: Sequence[Shape]
    lines: Sequence[AxisLabel]
    times: Sequence[AxisLabel]
    descriptions: Sequence[str]

    @property
    def width(self) -> int:
        return len(self.descriptions)


def requests_chart(series: Sequence[Usage], times: TimeAxis) -> Chart:
    """Return the requests of each hour or day as bars, with refused requests on top."""
    scale = steps(max(usage.requests for usage in series), 1)
    accepted, refused, descriptions = [], [], []
    for place, usage in enumerate(series):
        low = _height(usage.accepted, scale)
        accepted.append(_bar(place, 0, low))
        refused.append(_bar(place, low, _height(usage.refused, scale)))
        descriptions.append(f"{times.names[place]}: {requests_text(usage)}")
    shapes = [Shape("accepted", "".join(accepted)), Shape("refused", "".join(refused))]
    return Chart(shapes, _lines(scale, short_number), _times(times), descriptions)


def durations_chart(series: Sequence[Usage], times: TimeAxis) -> Chart:
    """Return the durations of responses in each hour or day: a line for each share, with gaps if there were none."""
    values = {kind: [usage.within(share) for usage in series] for kind, share in SHARES.items()}
    known = [seconds for each in values.values() for seconds in each if seconds is not None]
    scale = steps(max(known, default=0), MIN_SECONDS)
    shapes = [Shape(kind, _line(each, scale[-1])) for kind, each in values.items()]
    texts = [durations_text(dict(zip(values, each, strict=True))) for each in zip(*values.values(), strict=True)]
    descriptions = [f"{name}: {text}" for name, text in zip(times.names, texts, strict=True)]
    return Chart(shapes, _lines(scale, short_duration), _times(times), descriptions)


def share_bar(part: Usage, most: int) -> tuple[str, str]:
    """Return the widths of a part's accepted and refused requests in percent of `most`, the largest part's requests."""
    return _percent(part.accepted / most if most else 0), _percent(part.refused / most if most else 0)


def requests_text(usage: Usage) -> str:
    """Return the requests as text: `1,204 requests, 3 refused`."""
    requests = ngettext("%(number)s request", "%(number)s requests", usage.requests) % {
        "number": number(usage.requests)
    }
    if not usage.refused:
        return requests
    return gettext("%(requests)s, %(refused)s refused") % {"requests": requests, "refused": number(usage.refused)}


def durations_text(values: dict[str, float | None]) -> str:
    """Return the durations as text: `p50 12 ms, p95 40 ms, p99 1.25 s`."""
    known = [f"{kind} {duration(seconds)}" for kind, seconds in values.items() if seconds is not None]
    return ", ".join(known) or gettext("no responses")


def _lines(scale: Sequence[float], labels: Labels) -> list[AxisLabel]:
    return [AxisLabel(_percent(1 - value / scale[-1]), labels(value)) for value in scale]


def _times(times: TimeAxis) -> list[AxisLabel]:
    width = len(times.names)
    return [AxisLabel(_percent((place + 0.5) / width), label, is_extra) for place, label, is_extra in times.marks]


def _height(value: int, scale: Sequence[float]) -> float:
    return max(MIN_HEIGHT, HEIGHT * value / scale[-1]) if value else 0.0


def _bar(place: int, low: float, height: float) -> str:
    if not height:
        return ""
    return f"M{place + (1 - BAR_WIDTH) / 2:.2f} {HEIGHT - low:.2f}v{-height:.2f}h{BAR_WIDTH}v{height:.2f}z"


def _line(values: Sequence[float | None], most: float) -> str:
    path: list[str] = []
    is_drawing = False
    for place, value in enumerate(values):
        if value is not None:
            # A single point is a line of length zero, which is visible because lines have round ends.
            start = "L" if is_drawing else "M"
            path.append(f"{start}{place + 0.5} {HEIGHT - HEIGHT * value / most:.2f}{'' if is_drawing else 'h0'}")
        is_drawing = value is not None
    return "".join(path)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
