"""Revoking a token: said plainly, confirmed, with a reason."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from simsim.accounts.permissions import Permission
from simsim.console.visiting import Visit, in_account
from simsim.problem import Invalid
from simsim.request_log.query import last_uses
from simsim.tokens.actions import revoke_token
from simsim.tokens.models import Reason, Status
from simsim.tokens.reading import find_token


@in_account(Permission.MANAGE_TOKENS)
def revoke(request: HttpRequest, visit: Visit, token_id: UUID) -> HttpResponse:
    """Ask for confirmation, or revoke for good (R13)."""
    token = find_token(token_id, actor=visit.actor, account=visit.account)
    if token.status(visit.now) == Status.REVOKED:
        messages.info(request, _("“%(name)s” is revoked already.") % {"name": token.name})
        return redirect("console:token", account_id=visit.account.pk, token_id=token.pk)
    refused = ""
    if request.method == "POST":
        try:
            revoke_token(actor=visit.actor, token=token, reason=request.POST.get("reason", ""), now=visit.now)
        except Invalid:
            refused = _("Choose one of these reasons.")
        else:
            said = _("“%(name)s” is revoked. No request is accepted with it any more.") % {"name": token.name}
            messages.success(request, said)
            return redirect("console:tokens", account_id=visit.account.pk)
    context = {
        "token": token,
        "reasons": Reason.choices,
        "last_use": last_uses([token.pk]).get(token.pk),
        "refused": refused,
        "now": visit.now,
    }
    return render(request, "console/revoke_token.html", context, status=422 if refused else 200)
