"""Rotation: a new password for the same token; the previous one keeps working for the chosen time (B2)."""

import uuid
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.tokens.credentials import credentials_page
from simsim.console.tokens.rows import rows
from simsim.tokens.actions import end_overlap, rotate_token
from simsim.tokens.models import Token
from simsim.tokens.rotation_overlap import rotation_id
from simsim.tokens.selectors import find_token

OVERLAPS = {
    "none": (timedelta(0), _("None"), _("for a password that has leaked")),
    "hour": (timedelta(hours=1), _("1 hour"), _("if you update the software now")),
    "day": (timedelta(days=1), _("24 hours"), _("if the software is updated today or tomorrow")),
    "week": (timedelta(days=7), _("7 days"), _("if someone else has to update the software")),
}
USUAL = "day"


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def rotate(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask how long the current password should keep working, then give the token a new one and show it."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    if token.has_ended(access.now):
        return redirect("console:token", access.account.pk, token.pk)
    if access.request.method != "POST":
        demand_recent_authentication(access.request)
        return question(access, token)
    chosen = OVERLAPS.get(access.request.POST.get("overlap", ""))
    if chosen is None:
        return question(access, token, error=gettext("Choose how long the current password keeps working."))
    demand_recent_authentication(access.request)
    token, credentials = rotate_token(
        actor=access.actor,
        token=token,
        overlap=chosen[0],
        after=access.request.POST.get("after", ""),
        now=access.now,
    )
    return credentials_page(access, token, credentials)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def end(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, showing the last use of each password, then end the overlap.

    Without an overlap, redirect to the token.
    """
    token = find_token(token_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        [row] = rows([token], now=access.now)
        if row.overlap_ends_at is None:
            return redirect("console:token", access.account.pk, token.pk)
        context = {
            "account": access.account,
            "now": access.now,
            "token": token,
            "row": row,
            "after": rotation_id(token),
        }
        return render(access.request, "console/tokens/end_overlap.html", context)
    end_overlap(actor=access.actor, token=token, after=access.request.POST.get("after", ""), now=access.now)
    say(access.request, gettext("The previous password no longer works."))
    return redirect("console:token", access.account.pk, token.pk)


def question(access: AccountAccess, token: Token, *, error: str = "") -> HttpResponse:
    [row] = rows([token], now=access.now)
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "row": row,
        "overlaps": [(value, text, help_text) for value, (_overlap, text, help_text) in OVERLAPS.items()],
        "usual": USUAL,
        "after": rotation_id(token),
        "error": error,
    }
    return render(access.request, "console/tokens/rotate.html", context, status=422 if error else 200)
