"""The fragments of the log's page that the page fetches automatically."""

import re
from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.logs.filter_targets import read_form
from simsim.console.logs.live_updates import fingerprint, is_followed
from simsim.console.logs.request_list import MAX_TURNS, PAGE_REQUESTS, continue_page, list_context, refresh_page
from simsim.problem import Invalid, NotFound

_is_number = re.compile(r"[0-9]{1,3}").fullmatch


@require_safe
@for_administrators
def more(access: AccountAccess) -> HttpResponse:
    """Continue the search for a page that is not full yet: send its next rows, and its new end."""
    given = access.request.GET
    form, chosen = read_form(access)
    before, turn = number(given.get("listed", "")), number(given.get("turn", ""))
    if form.errors or before >= PAGE_REQUESTS or not 0 < turn <= MAX_TURNS:
        raise NotFound
    try:
        page = continue_page(access, form, below=given.get("below", ""), listed=before)
    except Invalid:
        raise NotFound from None
    context = list_context(access, form, chosen, page, before=before, turn=turn)
    return render(access.request, "console/logs/parts/more.html", context)


@require_safe
@for_administrators
def newest(access: AccountAccess) -> HttpResponse:
    """Send the current list to a page that follows the log, or 204 if the page is up to date."""
    given = access.request.GET
    form, chosen = read_form(access)
    if not is_followed(form, None):
        raise NotFound
    known, reached = given.get("known", ""), given.get("down_to", "")
    try:
        page = refresh_page(access, form, reached)
    except Invalid:
        raise NotFound from None
    context = list_context(access, form, chosen, page)
    if known == fingerprint(context):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(access.request, "console/logs/parts/list.html", context)


def number(text: str) -> int:
    """Return the number in the URL; raise NotFound for a text that no page of ours sends."""
    if not _is_number(text):
        raise NotFound
    return int(text)
