"""The usage page of an account, for a time range and split by one property, both from its URL (B5)."""

import uuid

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from simsim.account_log.usage import By, has_ever_been_used, new_callers_of, usage_of
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.tokens.lists import tokens_in_order
from simsim.console.tokens.rows import TokenRow
from simsim.console.usage.axes import time_axis
from simsim.console.usage.charts import durations_chart, requests_chart
from simsim.console.usage.log_links import LogLinks
from simsim.console.usage.rows import AddressRow, UsageRow, moments
from simsim.request_log.search.selectors import last_uses
from simsim.request_log.usage.report import Span
from simsim.tokens.attention import Attention, TokenSearch, rank_active

RANGE_NAMES = {
    "24h": gettext_lazy("24 hours"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "90d": gettext_lazy("90 days"),
}
DAYS = {"7d": 7, "30d": 30, "90d": 90}
HOURS = 24
USUAL_RANGE, MAX_RANGE = "30d", "90d"
BY_NAMES = {
    By.TOKEN: gettext_lazy("Tokens"),
    By.SOFTWARE: gettext_lazy("Software"),
    By.ENDPOINT: gettext_lazy("Endpoints"),
    By.STATUS: gettext_lazy("Status"),
}
MAX_UNUSED = 10


@require_safe
@for_administrators
def usage(access: AccountAccess) -> HttpResponse:
    """Show the account's usage; invalid parameters in the URL count as the defaults."""
    given = access.request.GET
    range_name = given["range"] if given.get("range") in RANGE_NAMES else USUAL_RANGE
    by = By(given["by"]) if given.get("by") in set(By) else By.TOKEN
    days, kept_days = DAYS.get(range_name, 1), settings.OPERATOR.log_retention_days
    context = {
        "account": access.account,
        "now": access.now,
        "range": range_name,
        "range_names": RANGE_NAMES,
        "longest": MAX_RANGE,
        "by": by.value,
        "by_names": [(each.value, name) for each, name in BY_NAMES.items()],
        "kept_days": kept_days if kept_days < days else 0,
    }
    span = Span.last_hours(HOURS, access.now) if range_name not in DAYS else Span.last_days(days, access.now)
    context |= usage_in(access, span, by, range_name) | unused_tokens(access)
    return render(access.request, "console/usage/usage.html", context)


def usage_in(access: AccountAccess, span: Span, by: By, range_name: str) -> dict[str, object]:
    """Return the charts, their numbers, and the parts into which the usage is split."""
    report = usage_of(access.account, actor=access.actor, span=span, by=by)
    if not report.total.requests:
        return {"total": report.total, "has_been_used": has_ever_been_used(access.account, actor=access.actor)}
    links, times = LogLinks(access.account.pk, range_name, span), time_axis(span)
    most = max((part.usage.requests for part in report.split.parts), default=0)
    found = new_callers_of(access.account, actor=access.actor, now=access.now)
    return {
        "total": report.total,
        "are_hours": span.hours == 1,
        "requests_chart": requests_chart(report.series, times),
        "durations_chart": durations_chart(report.series, times),
        "moments": moments(report, times, links),
        "split": report.split,
        "rows": [UsageRow.of(part, by, most=most, links=links, now=access.now) for part in report.split.parts],
        "refused_url": links.refused(),
        "addresses": [AddressRow(each, links.of_address(each.address)) for each in found.shown],
        "found": found,
    }


def unused_tokens(access: AccountAccess) -> dict[str, object]:
    """Return the tokens that were never or not recently used, those that expire first at the top."""
    search = TokenSearch(attention=Attention.UNUSED)
    ranking = rank_active(access.account, actor=access.actor, search=search, now=access.now)
    tokens = tokens_in_order([uuid.UUID(text) for text in ranking.ids[:MAX_UNUSED]])
    uses = last_uses(token.pk for token in tokens)
    return {
        "unused": [TokenRow(token, uses.get(token.pk), (), access.now) for token in tokens],
        "unused_number": ranking.counts[Attention.UNUSED],
    }
