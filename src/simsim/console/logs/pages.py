"""The log's two addresses: the list, and one request of it in a panel beside the list (R16, R17)."""

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from simsim.account_log.requests import find_request
from simsim.console.logs.chips import OUTCOME_NAMES, RANGE_NAMES
from simsim.console.logs.filter_targets import read_form
from simsim.console.logs.filters import NAMES, LogForm
from simsim.console.logs.request_list import list_context, look
from simsim.console.logs.rows import LogRow, offered_tokens, rows
from simsim.console.place import Visit, for_administrators
from simsim.request_log.search.filters import is_endpoint
from simsim.tokens.software import NO_SOFTWARE, software_in_use


@require_safe
@for_administrators
def log(visit: Visit) -> HttpResponse:
    """Show the account's requests that pass the filters of the address, newest first."""
    return log_page(visit)


@require_safe
@for_administrators
def logged_request(visit: Visit, request_id: int) -> HttpResponse:
    """Show one request beside the list that it was chosen from, so that its address brings both back."""
    found = find_request(request_id, actor=visit.actor, account=visit.account)
    [shown] = rows([found], account=visit.account, actor=visit.actor, now=visit.now)
    return log_page(visit, shown)


def log_page(visit: Visit, shown: LogRow | None = None) -> HttpResponse:
    given = visit.request.GET
    form, chosen = read_form(visit)
    if any(not given[name].strip() for name in (*NAMES, "cursor") if name in given):
        # A form sends its empty fields too. Without them the address is worth keeping.
        return redirect(visit.request.path + form.query())
    software = list(software_in_use(visit.account))
    context = list_context(visit, form, chosen, look(visit, form), shown=shown) | {
        "tokens": offered_tokens(visit.account, actor=visit.actor, chosen=chosen.token, now=visit.now),
        "chosen": chosen,
        "software": software,
        "offered_slugs": {NO_SOFTWARE, *(entry.slug for entry in software)},
        "range_names": RANGE_NAMES,
        "outcome_names": OUTCOME_NAMES,
    }
    if shown:
        context |= ways_to_narrow(form, shown)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(visit.request, "console/logs/log.html", context, status=status)


def ways_to_narrow(form: LogForm, shown: LogRow) -> dict[str, str]:
    """Return the queries that add to the filters what the request shown has."""
    row = shown.request
    return {
        "only_endpoint": form.only("endpoint", row.resource) if is_endpoint(row.resource) else "",
        "only_token": form.only("token", str(shown.token.pk)) if shown.token else "",
        "only_address": form.only("address", row.address) if row.address else "",
    }
