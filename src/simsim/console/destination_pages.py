"""The way to the tokens (R4): the destinations of an account, and the one that there is, its API."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.account_log.usage import last_day_of
from simsim.accounts.permissions import Permission, is_permitted
from simsim.console.account_access import AccountAccess, for_everyone
from simsim.tokens.attention import Attention, TokenSearch, rank_active


@require_safe
@for_everyone
def destinations(access: AccountAccess) -> HttpResponse:
    """Show where data of the account goes: what is connected, how much it is used, and what needs care."""
    return render(access.request, "console/destinations.html", summary(access))


@require_safe
@for_everyone
def api(access: AccountAccess) -> HttpResponse:
    """Show what there is about the API: tokens and logs to administrators, how to connect to everybody."""
    return render(access.request, "console/api.html", summary(access))


def summary(access: AccountAccess) -> dict[str, object]:
    """Return the numbers of both pages; a member, who may see neither tokens nor log, gets none."""
    context: dict[str, object] = {"account": access.account}
    if is_permitted(access.actor, Permission.VIEW_TOKENS, access.account):
        ranking = rank_active(access.account, actor=access.actor, search=TokenSearch(), now=access.now)
        context |= {
            "active_count": ranking.active,
            "soon_count": ranking.counts[Attention.EXPIRES_SOON],
            "unused_count": ranking.counts[Attention.UNUSED],
            "last_day": last_day_of(access.account, actor=access.actor, now=access.now),
        }
    return context
