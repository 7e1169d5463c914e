"""The list of management tokens, their revocation, and whether programs may rotate the token that they hold."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.management_tokens.actions import revoke_management_token
from simsim.management_tokens.authentication import has_its_role
from simsim.management_tokens.models import State
from simsim.management_tokens.selectors import find_management_token, management_tokens_of
from simsim.tokens.self_rotation import let_programs_rotate


@require_safe
@for_administrators
def management_tokens(access: AccountAccess) -> HttpResponse:
    """Show the management tokens: those that work first, then the ended ones."""
    found = list(management_tokens_of(access.account, actor=access.actor).select_related("account"))
    active = [token for token in found if token.state(access.now) == State.ACTIVE]
    context = {
        "account": access.account,
        "now": access.now,
        "active": [(token, has_its_role(token)) for token in active],
        "ended": [token for token in found if token not in active],
    }
    return render(access.request, "console/management_tokens/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def revoke(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then revoke. For an ended token, redirect to the list."""
    token = find_management_token(token_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        if token.state(access.now) != State.ACTIVE:
            return redirect("console:management_tokens", access.account.pk)
        context = {"account": access.account, "now": access.now, "token": token}
        return render(access.request, "console/management_tokens/revoke.html", context)
    revoke_management_token(actor=access.actor, token=token, now=access.now)
    say(access.request, gettext("“%(name)s” was revoked and no longer works.") % {"name": token.name})
    return redirect("console:management_tokens", access.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def self_rotation(access: AccountAccess) -> HttpResponse:
    """Allow programs to rotate the token that they hold, or forbid it again; a GET redirects to the list."""
    if access.request.method == "POST":
        demand_recent_authentication(access.request)
        is_allowed = access.request.POST.get("allow") == "yes"
        let_programs_rotate(actor=access.actor, account=access.account, is_allowed=is_allowed, now=access.now)
        if is_allowed:
            say(access.request, gettext("Programs may now rotate the token that they hold."))
        else:
            say(access.request, gettext("Programs may no longer rotate the token that they hold."))
    return redirect("console:management_tokens", access.account.pk)
