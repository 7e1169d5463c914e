"""The line above the list about what was counted and not listed, where the time shown holds some of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from simsim.account_log.requests import flood_of
from simsim.console.account_access import AccountAccess
from simsim.console.formats import day, moment, time_element
from simsim.console.logs.filter_form import LogFilterForm
from simsim.gate.address import network_of
from simsim.request_log.outcome import Outcome
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search.filters import parse_status
from simsim.request_log.search.flood_summaries import Flooded
from simsim.request_log.search.selectors import RequestPage

UNAUTHORIZED = 401


@dataclass(frozen=True)
class FloodLine:
    """The parts of the sentence: where most came from in words, and the two times as the page writes times."""

    number: int
    network: str
    since: SafeString
    until: SafeString


def flood_line(access: AccountAccess, form: LogFilterForm, page: RequestPage) -> FloodLine | None:
    """Return what was counted in the time that the page shows, None for nothing, and for filters that leave it out."""
    if form.errors or not may_hold(form):
        return None
    since, until = span(form, page)
    networks = networks_of(form.filters.address) if form.filters.address else None
    found = flood_of(access.account, actor=access.actor, since=since, until=until, networks=networks)
    return told(found) if found else None


def may_hold(form: LogFilterForm) -> bool:
    """Whether the filters let refused requests without a known token pass; their endpoints are not counted."""
    filters = form.filters
    if filters.token_id or filters.among_tokens is not None or (filters.endpoint or "*") != "*":
        return False
    if filters.outcome not in {None, Outcome.REFUSED}:
        return False
    low, high = parse_status(filters.status) if filters.status else (UNAUTHORIZED, UNAUTHORIZED)
    return low <= UNAUTHORIZED <= high


def span(form: LogFilterForm, page: RequestPage) -> tuple[datetime | None, datetime | None]:
    """Return the time of which the page shows the requests, without an end where it has none."""
    until = moment_of(int(form.cursor)) if form.cursor else form.filters.until
    if page.searched_until:
        return page.searched_until, until
    return (page.items[-1].received_at if page.next_cursor else form.filters.since), until


def networks_of(address: str) -> list[str]:
    """Return what the address is counted under: itself, or its /64."""
    return [address, network_of(address)]


def told(found: Flooded) -> FloodLine:
    network = found.network or gettext("an unknown address")
    if found.others:
        others = ngettext("%(count)d other network", "%(count)d other networks", found.others) % {"count": found.others}
        network = gettext("%(network)s and %(others)s") % {"network": network, "others": others}
    is_one_day = found.since.astimezone(UTC).date() == found.until.astimezone(UTC).date()
    began = time_element(found.since, f"{day(found.since)}, {found.since.astimezone(UTC):%H:%M}")
    clock = time_element(found.until, gettext("%(time)s UTC") % {"time": f"{found.until.astimezone(UTC):%H:%M}"})
    return FloodLine(found.number, network, began, clock if is_one_day else moment(found.until))
