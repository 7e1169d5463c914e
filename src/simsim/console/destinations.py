"""The way to the tokens (R4): the destinations of an account, and the one that there is, its API."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.account_log.usage import last_day_of
from simsim.accounts.permissions import Permission, is_permitted
from simsim.console.place import Visit, for_everyone
from simsim.tokens.attention import Attention, Search, rank_active


@require_safe
@for_everyone
def destinations(visit: Visit) -> HttpResponse:
    """Show where data of the account goes: what is connected, how much it is used, and what needs care."""
    return render(visit.request, "console/destinations.html", summary(visit))


@require_safe
@for_everyone
def api(visit: Visit) -> HttpResponse:
    """Show what there is about the API: tokens and logs to administrators, how to connect to everybody."""
    return render(visit.request, "console/api.html", summary(visit))


def summary(visit: Visit) -> dict[str, object]:
    """Return the numbers of both pages; a member, who may see neither tokens nor log, gets none."""
    context: dict[str, object] = {"account": visit.account}
    if is_permitted(visit.actor, Permission.VIEW_TOKENS, visit.account):
        ranking = rank_active(visit.account, actor=visit.actor, search=Search(), now=visit.now)
        context |= {
            "active_count": ranking.active,
            "soon_count": ranking.counts[Attention.EXPIRES_SOON],
            "unused_count": ranking.counts[Attention.UNUSED],
            "last_day": last_day_of(visit.account, actor=visit.actor, now=visit.now),
        }
    return context
