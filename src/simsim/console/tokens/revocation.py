"""Revoking: a page that says what will stop, and asks why."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.errors import sentence
from simsim.console.place import Visit, for_administrators
from simsim.console.sign_in import say
from simsim.console.tokens.rows import rows
from simsim.problem import Invalid
from simsim.tokens.actions import revoke_token
from simsim.tokens.models import RevocationReason, Status, Token
from simsim.tokens.selectors import find_token


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def revoke(visit: Visit, token_id: uuid.UUID) -> HttpResponse:
    """Ask, then revoke (R13). A token that has ended already is shown instead.

    A mail's link chooses the reason beforehand, `?reason=not_recognised` (R19), and asks all the same.
    """
    token = find_token(token_id, actor=visit.actor, account=visit.account)
    if visit.request.method != "POST":
        if token.status(visit.now) != Status.ACTIVE:
            return redirect("console:token", visit.account.pk, token.pk)
        return question(visit, token)
    try:
        revoke_token(actor=visit.actor, token=token, reason=visit.request.POST.get("reason", ""), now=visit.now)
    except Invalid as problem:
        return question(visit, token, error=sentence(problem), status=problem.status)
    say(visit.request, gettext("“%(name)s” was revoked and no longer works.") % {"name": token.name})
    return redirect("console:token", visit.account.pk, token.pk)


def question(visit: Visit, token: Token, *, error: str = "", status: int = 200) -> HttpResponse:
    [row] = rows([token], now=visit.now)
    context = {
        "account": visit.account,
        "now": visit.now,
        "token": token,
        "row": row,
        "reasons": RevocationReason.choices,
        "chosen": visit.request.GET.get("reason", ""),
        "error": error,
    }
    return render(visit.request, "console/tokens/revoke.html", context, status=status)
