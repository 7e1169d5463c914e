"""The two lists: active tokens, and those that are expired or revoked (R14)."""

import uuid
from collections.abc import Sequence
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.console.place import Visit, for_administrators
from simsim.console.tokens.rows import rows
from simsim.console.tokens.search import INCOMPLETE, to_list
from simsim.credential.password import holds_one
from simsim.tokens.attention import Attention, Search, rank_active
from simsim.tokens.models import Token
from simsim.tokens.selectors import tokens_of
from simsim.tokens.software import software_in_use

PAGE_TOKENS = 25
MAX_SEARCH_LENGTH = 200
ATTENTIONS = {"soon": Attention.EXPIRES_SOON, "unused": Attention.UNUSED}


@require_safe
@for_administrators
def active(visit: Visit) -> HttpResponse:
    """Show the active tokens that the search finds, those that want attention at the top."""
    if holds_one(visit.request.GET.get("q", "")):
        # Somebody's own address or an old bookmark. The history keeps where a redirect leads, not where it comes from.
        return to_list(visit, {"password": INCOMPLETE})
    search = read_search(visit.request.GET)
    ranking = rank_active(visit.account, actor=visit.actor, search=search, now=visit.now)
    page = Paginator(ranking.ids, PAGE_TOKENS).get_page(visit.request.GET.get("page"))
    context = {
        "account": visit.account,
        "now": visit.now,
        "page": page,
        "rows": rows(in_order([uuid.UUID(text) for text in page.object_list]), now=visit.now),
        "active_count": ranking.active,
        "ended_count": ranking.ended,
        "requests": ranking.asked,
        "search": search,
        "looked_up": visit.request.GET.get("password", ""),
        "chosen": visit.request.GET.get("attention", ""),
        "soon_count": ranking.counts[Attention.EXPIRES_SOON],
        "unused_count": ranking.counts[Attention.UNUSED],
        "software": software_in_use(visit.account),
        "kept": urlencode(
            {key: value for key, value in visit.request.GET.items() if key not in {"page", "password"} and value}
        ),
    }
    return render(visit.request, "console/tokens/active.html", context)


@require_safe
@for_administrators
def ended(visit: Visit) -> HttpResponse:
    """Show what has expired or was revoked, the latest first, with when and by whom."""
    tokens = tokens_of(visit.account, actor=visit.actor, status=None, now=visit.now)
    # Of ids alone, which an index holds: whole rows, all but 25 of them for nothing, take ten times as long to sort.
    latest_first = (
        tokens.ended(visit.now).order_by(Coalesce("revoked_at", "expires_at").desc(), "pk").values_list("pk", flat=True)
    )
    # get_page shows the nearest page for a number that is none, so that an old bookmark still leads somewhere.
    page = Paginator(latest_first, PAGE_TOKENS).get_page(visit.request.GET.get("page"))
    context = {
        "account": visit.account,
        "now": visit.now,
        "page": page,
        "rows": rows(in_order(list(page.object_list)), now=visit.now),
        "active_count": tokens.active(visit.now).count(),
        "ended_count": page.paginator.count,
    }
    return render(visit.request, "console/tokens/ended.html", context)


def read_search(data: QueryDict) -> Search:
    """Return the search in the address; what can't be understood searches for nothing."""
    return Search(
        text=data.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_LENGTH],
        software=data.get("software", "").replace("\0", "")[:MAX_SEARCH_LENGTH],
        attention=ATTENTIONS.get(data.get("attention", "")),
    )


def in_order(ids: Sequence[uuid.UUID]) -> list[Token]:
    """Return the tokens of these ids in their order."""
    found = Token.objects.select_related("software").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
