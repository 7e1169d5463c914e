"""Handing a token over: an administrator makes a link, passes it on, and may take it back (B14)."""

import uuid
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.tokens.hand_over import hand_over_token, take_back
from simsim.tokens.hand_over_links import find_hand_over
from simsim.tokens.models import HandOverState, Token
from simsim.tokens.selectors import find_token

TIMES = {
    "1h": (timedelta(hours=1), _("1 hour")),
    "24h": (timedelta(days=1), _("24 hours")),
    "3d": (timedelta(days=3), _("3 days")),
    "7d": (timedelta(days=7), _("7 days")),
}
USUAL = "24h"


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def create(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask how long the link works and whether it needs a code, then show the link, once."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    if token.has_ended(access.now):
        return redirect("console:token", access.account.pk, token.pk)
    demand_recent_authentication(access.request)
    if access.request.method != "POST":
        return question(access, token)
    chosen = TIMES.get(access.request.POST.get("time", ""))
    if chosen is None:
        return question(access, token, error=gettext("Choose how long the link works."))
    link = hand_over_token(
        actor=access.actor,
        token=token,
        expires_in=chosen[0],
        with_code=bool(access.request.POST.get("with_code")),
        now=access.now,
    )
    context = {"account": access.account, "now": access.now, "token": token, "link": link}
    return render(access.request, "console/tokens/hand_over_link.html", context, status=201)


@require_POST
@for_administrators
def end(access: AccountAccess, token_id: uuid.UUID, hand_over_id: uuid.UUID) -> HttpResponse:
    """Take a link back, so that it shows nothing any more."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    found = find_hand_over(hand_over_id, actor=access.actor, token=token)
    ended = take_back(actor=access.actor, hand_over=found, now=access.now)
    if ended.state(access.now) == HandOverState.TAKEN_BACK:
        say(access.request, gettext("The link no longer works. Nobody had used it."))
    else:
        say(access.request, gettext("The link had ended before. See below."))
    return redirect("console:token", access.account.pk, token.pk)


def question(access: AccountAccess, token: Token, *, error: str = "") -> HttpResponse:
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "times": [(value, text) for value, (_time, text) in TIMES.items()],
        "usual": USUAL,
        "error": error,
    }
    return render(access.request, "console/tokens/hand_over.html", context, status=422 if error else 200)
