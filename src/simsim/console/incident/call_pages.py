"""The page *What was called*: endpoints and addresses of the chosen tokens, and the file of all (B18)."""

from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_safe

from simsim.account_log.call_report import call_report, exported_report, network_of
from simsim.account_log.downloads import TYPES, from_the_loop, marked
from simsim.account_log.time_filters import parse_moment
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.incident.selection_form import SelectionForm
from simsim.problem import Invalid, NotFound
from simsim.request_log.search.export import Format

SHOWN = 200


def read(access: AccountAccess) -> tuple[SelectionForm, str, datetime | None]:
    """Return the chosen tokens, the time as typed, and the time; the form has the errors."""
    form, typed = SelectionForm.read(access.request.GET), access.request.GET.get("since", "").strip()
    try:
        return form, typed, parse_moment("since", typed or None)
    except Invalid as problem:
        form.errors["since"] = sentence(problem)
        return form, typed, None


@require_safe
@for_administrators
def calls(access: AccountAccess) -> HttpResponse:
    """Show what was called with the chosen tokens, the most first."""
    form, typed, since = read(access)
    report = None
    if not form.errors:
        report = call_report(access.account, actor=access.actor, chosen=form.chosen, since=since, now=access.now)
    shown = report.calls[:SHOWN] if report else []
    context = {
        "account": access.account,
        "now": access.now,
        "form": form,
        "since": typed,
        "report": report,
        "rows": [
            (report.names[group.token_id], group, total, network_of(group.address)) for group, total in shown
        ] if report else [],
        "shown": SHOWN,
        "query": form.query + ("&" + urlencode({"since": typed}) if typed else ""),
    }  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(access.request, "console/incident/calls.html", context, status=status)


# No HEAD, because that would read the whole log and send nothing.
@require_GET
@for_administrators
def export(access: AccountAccess) -> HttpResponseBase:
    """Send the whole report as a file."""
    form, _, since = read(access)
    try:
        chosen = Format(access.request.GET.get("format", ""))
    except ValueError:
        raise NotFound from None
    if form.errors:
        return redirect(reverse("console:calls", args=[access.account.pk]) + form.query)
    file = exported_report(
        access.account, actor=access.actor, chosen=form.chosen, since=since, form=chosen, now=access.now
    )  # fmt: skip
    parts = marked(file, chosen)
    content = from_the_loop(parts) if isinstance(access.request, ASGIRequest) else parts
    headers = {"Content-Disposition": f'attachment; filename="calls-{access.now:%Y-%m-%d}.{chosen}"'}
    return StreamingHttpResponse(content, content_type=TYPES[chosen], headers=headers)
