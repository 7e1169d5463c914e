"""The line above the list about requests that were counted instead of listed."""

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
    """The parts of the sentence: `network` says where most requests came from; the times are formatted for the page."""

    number: int
    network: str
    since: SafeString
    until: SafeString


def flood_line(access: AccountAccess, form: LogFilterForm, page: RequestPage) -> FloodLine | None:
    """Return the line about the counted requests that match the filters in the page's time span, None without any."""
    if form.errors:
        return None
    since, until = span(form, page)
    found = flood_of(access.account, actor=access.actor, filters=form.filters, since=since, until=until)
    return line_for(found) if found else None


def span(form: LogFilterForm, page: RequestPage) -> tuple[datetime | None, datetime | None]:
    """Return the time span that the page covers; None for an open end."""
    until = moment_of(int(form.cursor)) if form.cursor else form.filters.until
    if page.searched_until:
        return page.searched_until, until
    return (page.items[-1].received_at if page.next_cursor else form.filters.since), until


def line_for(found: Flooded) -> FloodLine:
    network = found.network or gettext("many or unknown addresses")
    if found.others:
        others = ngettext("%(count)d other network", "%(count)d other networks", found.others) % {"count": found.others}
        network = gettext("%(network)s and %(others)s") % {"network": network, "others": others}
    is_one_day = found.since.astimezone(UTC).date() == found.until.astimezone(UTC).date()
    began = time_element(found.since, f"{day(found.since)}, {found.since.astimezone(UTC):%H:%M}")
    clock = time_element(found.until, gettext("%(time)s UTC") % {"time": f"{found.until.astimezone(UTC):%H:%M}"})
    return FloodLine(found.number, network, began, clock if is_one_day else moment(found.until))
