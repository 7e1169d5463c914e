"""The line above the list about what was counted and not listed, where the time shown holds some of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from simsim.account_log.requests import flood_of
from simsim.console.account_access import AccountAccess
from simsim.console.formats import day, moment, time_element
from simsim.console.logs.filter_form import LogFilterForm
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search.flood_summaries import Flooded
from simsim.request_log.search.selectors import RequestPage


@dataclass(frozen=True)
class FloodLine:
    """The parts of the sentence: where most came from in words, and the two times as the page writes times."""

    number: int
    network: str
    since: SafeString
    until: SafeString


def flood_line(access: AccountAccess, form: LogFilterForm, page: RequestPage) -> FloodLine | None:
    """Return what was counted in the time that the page shows, None for nothing, and for filters that leave it out."""
    if form.errors:
        return None
    since, until = span(form, page)
    found = flood_of(access.account, actor=access.actor, filters=form.filters, since=since, until=until)
    return told(found) if found else None


def span(form: LogFilterForm, page: RequestPage) -> tuple[datetime | None, datetime | None]:
    """Return the time of which the page shows the requests, without an end where it has none."""
    until = moment_of(int(form.cursor)) if form.cursor else form.filters.until
    if page.searched_until:
        return page.searched_until, until
    return (page.items[-1].received_at if page.next_cursor else form.filters.since), until


def told(found: Flooded) -> FloodLine:
    network = found.network or gettext("an unknown address")
    if found.others:
        others = ngettext("%(count)d other network", "%(count)d other networks", found.others) % {"count": found.others}
        network = gettext("%(network)s and %(others)s") % {"network": network, "others": others}
    is_one_day = found.since.astimezone(UTC).date() == found.until.astimezone(UTC).date()
    began = time_element(found.since, f"{day(found.since)}, {found.since.astimezone(UTC):%H:%M}")
    clock = time_element(found.until, gettext("%(time)s UTC") % {"time": f"{found.until.astimezone(UTC):%H:%M}"})
    return FloodLine(found.number, network, began, clock if is_one_day else moment(found.until))
