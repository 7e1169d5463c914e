"""The search's page. It is asked by POST, so that a password that somebody pastes stays out of addresses and logs."""

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_everyone
from simsim.console.search import slash_key
from simsim.console.search.finds import finds_of
from simsim.console.tokens.lists import MAX_SEARCH_LENGTH
from simsim.credential.password import holds_one


@sensitive_post_parameters("q")
@require_http_methods(["GET", "HEAD", "POST"])
@for_everyone
def search(access: AccountAccess) -> HttpResponse:
    """Show the form, and what the posted text finds; or remember whether the key `/` opens the search."""
    if "slash" in access.request.POST:
        response = HttpResponse(status=HTTPStatus.NO_CONTENT)
        slash_key.remember(response, is_off=access.request.POST["slash"] == slash_key.OFF)
        return response
    text = access.request.POST.get("q", "").replace("\0", "").strip()
    is_password = holds_one(text)
    if not is_password:
        text = text[:MAX_SEARCH_LENGTH]
    groups = finds_of(text, access) if text else []
    context = {
        "account": access.account,
        # A password is not written into the page again.
        "text": "" if is_password else text,
        "is_password": is_password,
        "groups": groups,
        "count": sum(len(group.finds) for group in groups),
        "was_asked": bool(text),
    }
    return render(access.request, "console/search/search.html", context)
