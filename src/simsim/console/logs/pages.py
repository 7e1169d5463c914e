"""The log's two pages: the list, and the list with one request in a panel (R16, R17)."""

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from simsim.account_log.requests import find_request
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.logs.active_filters import OUTCOME_NAMES, RANGE_NAMES
from simsim.console.logs.filter_form import NAMES, LogFilterForm
from simsim.console.logs.filter_targets import read_form
from simsim.console.logs.request_list import find_page, list_context
from simsim.console.logs.rows import LogRow, offered_tokens, rows
from simsim.request_log.search.filters import is_endpoint
from simsim.tokens.software import NO_SOFTWARE, software_in_use


@require_safe
@for_administrators
def log(access: AccountAccess) -> HttpResponse:
    """Show the account's requests that match the filters in the URL, newest first."""
    return log_page(access)


@require_safe
@for_administrators
def logged_request(access: AccountAccess, request_id: int) -> HttpResponse:
    """Show one request beside the list in which it was opened; the URL restores both."""
    found = find_request(request_id, actor=access.actor, account=access.account)
    [shown] = rows([found], account=access.account, actor=access.actor, now=access.now)
    return log_page(access, shown)


def log_page(access: AccountAccess, shown: LogRow | None = None) -> HttpResponse:
    given = access.request.GET
    form, chosen = read_form(access)
    if any(not given[name].strip() for name in (*NAMES, "cursor") if name in given):
        # A form sends its empty fields too. Without them, people can read and bookmark the URL.
        return redirect(access.request.path + form.query())
    software = list(software_in_use(access.account))
    context = list_context(access, form, chosen, find_page(access, form), shown=shown) | {
        "tokens": offered_tokens(access.account, actor=access.actor, chosen=chosen.token, now=access.now),
        "chosen": chosen,
        "software": software,
        "offered_slugs": {NO_SOFTWARE, *(entry.slug for entry in software)},
        "range_names": RANGE_NAMES,
        "outcome_names": OUTCOME_NAMES,
    }
    if shown:
        context |= narrowing_queries(form, shown)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(access.request, "console/logs/log.html", context, status=status)


def narrowing_queries(form: LogFilterForm, shown: LogRow) -> dict[str, str]:
    """Return the queries that filter by properties of the open request."""
    row = shown.request
    return {
        "only_endpoint": form.only("endpoint", row.resource) if is_endpoint(row.resource) else "",
        "only_token": form.only("token", str(shown.token.pk)) if shown.token else "",
        "only_address": form.only("address", row.address) if row.address else "",
    }
