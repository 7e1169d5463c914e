"""The usage of an account as JSON, by day, token, software, endpoint or status."""

from datetime import datetime, timedelta

from simsim.account_log.time_filters import parse_moment
from simsim.account_log.usage import By, Part, usage_of
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.usage import report
from simsim.request_log.usage.report import Span

HOURS_A_DAY, SECONDS_AN_HOUR = 24, 3600
USUAL_DAYS, MAX_DAYS = 30, 400
DAY = "day"


def usage_document(
    account: Account, *, actor: Actor, since: str | None, until: str | None, by: str, now: datetime
) -> dict[str, object]:
    """Return how many requests were let in and refused from the day of `since` to that of `until`, both included.

    `by` is "day" or a value of By. Raises NotFound or NotPermitted, and Invalid for days that can't be counted.
    """
    first, last = days_between(since, until, now)
    number = (last - first).days + 1
    span = Span(HOURS_A_DAY, int(first.timestamp()) // SECONDS_AN_HOUR, number)
    split = By.STATUS if by == DAY else By(by)
    found = usage_of(account, actor=actor, span=span, by=split)
    if by == DAY:
        items = [item(f"{at:%Y-%m-%d}", None, usage) for at, usage in zip(span.beginnings, found.series, strict=True)]
        others = without = counts(report.Usage())
    else:
        items = [item(*naming(part, split), part.usage) for part in found.split.parts]
        others, without = counts(found.split.others), counts(found.split.unnamed)
    times = {"since": f"{first:%Y-%m-%d}", "until": f"{last:%Y-%m-%d}"}
    return {"by": by, **times, **counts(found.total), "items": items, "others": others, "without": without}


def days_between(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginnings of the first and the last day; raise Invalid."""
    last = beginning(parse_moment("until", until) or now)
    begun = parse_moment("since", since)
    try:
        first = beginning(begun) if begun else last - timedelta(days=USUAL_DAYS - 1)
    except OverflowError:
        first = last
    if not 0 <= (last - first).days < MAX_DAYS:
        message = gettext_noop("Choose a first day that is at most %(most)s days before the last one.")
        raise Invalid(FieldError("since", message, {"most": str(MAX_DAYS - 1)}))
    return first, last


def beginning(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def naming(part: Part, by: By) -> tuple[str | None, str | None]:
    """Return a part's value, and its name if it has one."""
    if by is By.TOKEN:
        return (str(part.token.pk), part.token.name) if part.token else (None, None)
    if by is By.SOFTWARE:
        return (part.software.slug, part.software.name) if part.software else (None, None)
    return part.value or None, None


def item(value: str | None, name: str | None, usage: report.Usage) -> dict[str, object]:
    return {"value": value, "name": name, **counts(usage)}


def counts(usage: report.Usage) -> dict[str, int]:
    return {"accepted": usage.accepted, "refused": usage.refused}
