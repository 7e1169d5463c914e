"""The active filters of the log, each with its text and the query that removes it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy

from simsim.console.formats import moment
from simsim.console.logs.filter_form import RANGES, LogFilterForm
from simsim.console.logs.filter_targets import FilterTargets
from simsim.request_log.outcome import Outcome

RANGE_NAMES = {
    "1h": gettext_lazy("Last hour"),
    "24h": gettext_lazy("Last 24 hours"),
    "7d": gettext_lazy("Last 7 days"),
    "30d": gettext_lazy("Last 30 days"),
}
OUTCOME_NAMES = {
    Outcome.ACCEPTED: gettext_lazy("Let in"),
    Outcome.REFUSED: gettext_lazy("Refused"),
    Outcome.UNKNOWN: gettext_lazy("Outcome unknown"),
}


@dataclass(frozen=True)
class ActiveFilter:
    """One active filter: its label, its value, and the query without it."""

    label: str
    value: str
    query: str


def active_filters(form: LogFilterForm, chosen: FilterTargets) -> list[ActiveFilter]:
    """Return the active filters in the order of the form, without invalid ones."""
    filters = form.filters
    found: list[tuple[tuple[str, ...], str, str]] = []
    if form.range in RANGES and "range" not in form.errors:
        found.append((("range",), gettext("Time"), str(RANGE_NAMES[form.range])))
    else:
        times: list[tuple[str, str, datetime | None]] = [
            ("since", gettext("From"), filters.since),
            ("until", gettext("To"), filters.until),
        ]
        found += [((name,), label, moment(at)) for name, label, at in times if at and not form.errors.get("range")]
    if filters.endpoint:
        found.append((("endpoint",), gettext("Endpoint"), filters.endpoint))
    if filters.status:
        found.append((("status",), gettext("Status"), str(filters.status)))
    if filters.outcome:
        found.append((("outcome",), gettext("Outcome"), str(OUTCOME_NAMES[filters.outcome])))
    if chosen.token is not None:
        found.append((("token",), gettext("Token"), chosen.token.name))
    if chosen.software:
        found.append((("software",), gettext("Target software"), chosen.software))
    if filters.address:
        found.append((("address",), gettext("Address"), filters.address))
    return [ActiveFilter(label, format_html("{}", value), form.without(*names)) for names, label, value in found]
