"""The page of a token that waits for an approval: what would be created, and the answer to it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import Problem
from simsim.tokens.approval import approve_request, is_asker_there
from simsim.tokens.models import RequestAnswer, TokenRequest
from simsim.tokens.rules import parse_moment
from simsim.tokens.token_requests import find_request


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def review(access: AccountAccess, request_id: uuid.UUID) -> HttpResponse:
    """Show the token that an administrator asked for, or approve it. A member's request has the form of a new token."""
    found = find_request(request_id, account=access.account, actor=access.actor)
    if not found.is_for_approval:
        return redirect("console:tokens", access.account.pk)
    if access.request.method != "POST":
        return page(access, found)
    demand_recent_authentication(access.request)
    try:
        token = approve_request(actor=access.actor, request=found, now=access.now)
    except Problem as problem:
        return page(access, found, refusal=sentence(problem), status=problem.status)
    names = {"name": token.name, "who": found.asked_by_label}
    say(access.request, gettext("“%(name)s” was created. %(who)s gets an email and can see the password.") % names)
    return redirect("console:token", access.account.pk, token.pk)


def page(access: AccountAccess, found: TokenRequest, *, refusal: str = "", status: int = 200) -> HttpResponse:
    context = {
        "account": access.account,
        "now": access.now,
        "asked": found,
        "expires_at": parse_moment((found.proposal or {})["expires"], found.asked_at),
        "is_own": found.asked_by == access.actor.user,
        "is_granted": found.answer == RequestAnswer.GRANTED,
        "has_asker": is_asker_there(found),
        "refusal": refusal,
    }
    return render(access.request, "console/token_requests/approval.html", context, status=status)
