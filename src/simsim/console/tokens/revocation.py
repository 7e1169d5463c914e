"""Revocation: a page that explains the consequences and asks for the reason."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.tokens.rows import rows
from simsim.problem import Invalid
from simsim.tokens.actions import revoke_token
from simsim.tokens.models import RevocationReason, Token
from simsim.tokens.selectors import find_token


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def revoke(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then revoke (R13). For an ended token, redirect to its page.

    A link in an email preselects the reason, `?reason=not_recognised` (R19); the page still asks.
    """
    token = find_token(token_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        if token.has_ended(access.now):
            return redirect("console:token", access.account.pk, token.pk)
        return question(access, token)
    try:
        revoke_token(actor=access.actor, token=token, reason=access.request.POST.get("reason", ""), now=access.now)
    except Invalid as problem:
        return question(access, token, error=sentence(problem), status=problem.status)
    say(access.request, gettext("“%(name)s” was revoked and no longer works.") % {"name": token.name})
    return redirect("console:token", access.account.pk, token.pk)


def question(access: AccountAccess, token: Token, *, error: str = "", status: int = 200) -> HttpResponse:
    [row] = rows([token], now=access.now)
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "row": row,
        "reasons": RevocationReason.choices,
        "chosen": access.request.GET.get("reason", ""),
        "error": error,
    }
    return render(access.request, "console/tokens/revoke.html", context, status=status)
