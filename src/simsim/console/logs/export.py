"""The export of the log: a file of the filtered requests, sent while the log is being read."""

from datetime import UTC, datetime

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from simsim.account_log.downloads import TYPES, from_the_loop, marked
from simsim.account_log.requests import export_of
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.logs.filter_form import ALL, RANGES, LogFilterForm
from simsim.console.logs.filter_targets import read_form
from simsim.problem import NotFound
from simsim.request_log.search.export import Format, written

MAX_NAME_LENGTH = 40


# No HEAD, because that would read the whole log and send nothing.
@require_GET
@for_administrators
def export(access: AccountAccess) -> HttpResponseBase:
    """Send every request that matches the filters in the URL, however many there are."""
    form, _ = read_form(access)
    try:
        chosen = Format(access.request.GET.get("format", ""))
    except ValueError:
        raise NotFound from None
    if form.errors:
        return redirect(reverse("console:logs", args=[access.account.pk]) + form.query())
    rows = export_of(access.account, actor=access.actor, filters=form.filters, form=chosen.value, now=access.now)
    parts = marked(written(rows, chosen), chosen)
    content = from_the_loop(parts) if isinstance(access.request, ASGIRequest) else parts
    name = file_name(access.account.name, form, chosen, access.now)
    return StreamingHttpResponse(
        content, content_type=TYPES[chosen], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def file_name(account: str, form: LogFilterForm, chosen: Format, now: datetime) -> str:
    """Return a name such as `acme-log-last-7d-2026-11-24.csv`: account, time range and day of the export in UTC."""
    whose = slugify(account)[:MAX_NAME_LENGTH].strip("-") or "account"
    return f"{whose}-log-{range_name(form)}-{now.astimezone(UTC):%Y-%m-%d}.{chosen}"


def range_name(form: LogFilterForm) -> str:
    if form.range in RANGES:
        return f"last-{form.range}"
    bounds = [("from", form.filters.since), ("to", form.filters.until)]
    named = [f"{word}-{moment:%Y-%m-%dT%H%M}Z" for word, moment in bounds if moment]
    return "-".join(named) or ALL
