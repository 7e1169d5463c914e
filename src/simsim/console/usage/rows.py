"""The rows of the usage page's tables: a name, numbers, and a link to the counted requests in the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext

from simsim.account_log.usage import By, NewCaller, Part, Report
from simsim.console.logs.rows import meaning
from simsim.console.usage.axes import TimeAxis
from simsim.console.usage.charts import share_bar
from simsim.console.usage.log_links import LogLinks
from simsim.request_log.usage.report import Usage
from simsim.tokens.models import Status


@dataclass(frozen=True)
class UsageRow:
    """One part of the usage: `more` is shown beside the name; `bar` has the widths of its accepted and refused parts.

    `log_url` is "" if the log has no filter for this part.
    """

    name: str
    more: str
    usage: Usage
    bar: tuple[str, str]
    log_url: str

    @classmethod
    def of(cls, part: Part, by: By, *, most: int, links: LogLinks, now: datetime) -> Self:
        name, more = _naming(part, by, now)
        return cls(name, more, part.usage, share_bar(part.usage, most), links.of_part(by, part))


@dataclass(frozen=True)
class Moment:
    """One hour or day."""

    name: str
    usage: Usage
    log_url: str


@dataclass(frozen=True)
class AddressRow:
    """One new address."""

    found: NewCaller
    log_url: str


def moments(report: Report, times: TimeAxis, links: LogLinks) -> list[Moment]:
    """Return the hours or days of a report, newest first; those without requests have no link."""
    named = zip(times.names, report.span.beginnings, report.series, strict=True)
    return [Moment(name, usage, links.of_time(at) if usage.requests else "") for name, at, usage in named][::-1]


def _naming(part: Part, by: By, now: datetime) -> tuple[str, str]:
    """Return a part's name, and the text beside it."""
    if part.token is not None:
        words = {
            Status.PAUSED: gettext("Paused"), Status.EXPIRED: gettext("Expired"), Status.REVOKED: gettext("Revoked")
        }  # fmt: skip
        return part.token.name, words.get(part.token.status(now), "")
    if by is By.SOFTWARE:
        return part.software.name if part.software else gettext("No target software"), ""
    if by is By.STATUS and part.value:
        return part.value, meaning(int(part.value))
    return part.value or gettext("Unknown"), ""
