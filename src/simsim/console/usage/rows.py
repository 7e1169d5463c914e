"""The lines of the usage page's tables: what each is called, its numbers, and the way to its requests in the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext

from simsim.account_log.usage import By, NewCaller, Part, Report
from simsim.console.logs.rows import meaning
from simsim.console.usage.charts import share_bar
from simsim.console.usage.log_links import WaysToLog
from simsim.console.usage.scales import Times
from simsim.request_log.usage.report import Usage
from simsim.tokens.models import Status


@dataclass(frozen=True)
class Row:
    """One part of the usage; `more` is what else there is to say of it, `bar` how wide let in and refused are drawn.

    `way` is "" where the log has no filter for it.
    """

    name: str
    more: str
    usage: Usage
    bar: tuple[str, str]
    way: str

    @classmethod
    def of(cls, part: Part, by: By, *, most: int, ways: WaysToLog, now: datetime) -> Self:
        name, more = _naming(part, by, now)
        return cls(name, more, part.usage, share_bar(part.usage, most), ways.of_part(by, part))


@dataclass(frozen=True)
class Moment:
    """One hour or day."""

    name: str
    usage: Usage
    way: str


@dataclass(frozen=True)
class AddressRow:
    """One new address."""

    found: NewCaller
    way: str


def moments(report: Report, times: Times, ways: WaysToLog) -> list[Moment]:
    """Return the hours or days of a report, the newest first; one without requests leads nowhere."""
    named = zip(times.names, report.span.beginnings, report.series, strict=True)
    return [Moment(name, usage, ways.of_time(at) if usage.requests else "") for name, at, usage in named][::-1]


def _naming(part: Part, by: By, now: datetime) -> tuple[str, str]:
    """Return what a part is called, and what stands beside the name."""
    if part.token is not None:
        ended = {Status.EXPIRED: gettext("Expired"), Status.REVOKED: gettext("Revoked")}
        return part.token.name, ended.get(part.token.status(now), "")
    if by is By.SOFTWARE:
        return part.software.name if part.software else gettext("No target software"), ""
    if by is By.STATUS and part.value:
        return part.value, meaning(int(part.value))
    return part.value or gettext("Unknown"), ""
