"""The pages *Destinations* and *API*, which lead to the tokens (R4)."""

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
    """Show the account's destinations, with their usage and what needs attention."""
    return render(access.request, "console/destinations.html", summary(access))


@require_safe
@for_everyone
def api(access: AccountAccess) -> HttpResponse:
    """Show the API: its tokens and logs to administrators, and how to connect to everybody."""
    return render(access.request, "console/api.html", summary(access))


def summary(access: AccountAccess) -> dict[str, object]:
    """Return the context of both pages: the numbers for people who may see tokens, nothing more for members."""
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
