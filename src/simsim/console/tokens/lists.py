"""The two lists of tokens: active ones, and expired or revoked ones (R14)."""

import uuid
from collections.abc import Sequence
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.tokens.rows import rows
from simsim.console.tokens.search import INCOMPLETE, to_list
from simsim.credential.password import holds_one
from simsim.tokens.attention import Attention, TokenSearch, rank_active
from simsim.tokens.models import Token
from simsim.tokens.selectors import tokens_of
from simsim.tokens.software import software_in_use

PAGE_TOKENS = 25
MAX_SEARCH_LENGTH = 200
ATTENTIONS = {"paused": Attention.PAUSED, "soon": Attention.EXPIRES_SOON, "unused": Attention.UNUSED}


@require_safe
@for_administrators
def active(access: AccountAccess) -> HttpResponse:
    """Show the active tokens that match the search, first those that need attention."""
    if holds_one(access.request.GET.get("q", "")):
        # The password was typed into the address bar, or is in an old bookmark. Redirect, because the browser's history
        # stores only the target of a redirect.
        return to_list(access, {"password": INCOMPLETE})
    search = read_search(access.request.GET)
    ranking = rank_active(access.account, actor=access.actor, search=search, now=access.now)
    page = Paginator(ranking.ids, PAGE_TOKENS).get_page(access.request.GET.get("page"))
    context = {
        "account": access.account,
        "now": access.now,
        "page": page,
        "rows": rows(tokens_in_order([uuid.UUID(text) for text in page.object_list]), now=access.now),
        "active_count": ranking.active,
        "ended_count": ranking.ended,
        "requests": ranking.requests,
        "myself": access.actor.user,
        "search": search,
        "looked_up": access.request.GET.get("password", ""),
        "chosen": access.request.GET.get("attention", ""),
        "paused_count": ranking.counts[Attention.PAUSED],
        "soon_count": ranking.counts[Attention.EXPIRES_SOON],
        "unused_count": ranking.counts[Attention.UNUSED],
        "software": software_in_use(access.account),
        "kept": urlencode(
            {key: value for key, value in access.request.GET.items() if key not in {"page", "password"} and value}
        ),
    }
    return render(access.request, "console/tokens/active.html", context)


@require_safe
@for_administrators
def ended(access: AccountAccess) -> HttpResponse:
    """Show the expired and revoked tokens, the latest first, with who ended them and when."""
    tokens = tokens_of(access.account, actor=access.actor, status=None, now=access.now)
    # Sorts only ids, which an index contains: sorting whole rows, of which 25 are shown, takes ten times as long.
    latest_first = (
        tokens.ended(access.now)
        .order_by(Coalesce("revoked_at", "expires_at").desc(), "pk")
        .values_list("pk", flat=True)
    )
    # For an invalid number, get_page returns the nearest page, so that old bookmarks still work.
    page = Paginator(latest_first, PAGE_TOKENS).get_page(access.request.GET.get("page"))
    context = {
        "account": access.account,
        "now": access.now,
        "page": page,
        "rows": rows(tokens_in_order(list(page.object_list)), now=access.now),
        "active_count": tokens.active(access.now).count(),
        "ended_count": page.paginator.count,
    }
    return render(access.request, "console/tokens/ended.html", context)


def read_search(data: QueryDict) -> TokenSearch:
    """Return the search in the URL; invalid parameters are ignored."""
    return TokenSearch(
        text=data.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_LENGTH],
        software=data.get("software", "").replace("\0", "")[:MAX_SEARCH_LENGTH],
        attention=ATTENTIONS.get(data.get("attention", "")),
    )


def tokens_in_order(ids: Sequence[uuid.UUID]) -> list[Token]:
    """Return the tokens with these ids, in the same order."""
    found = Token.objects.select_related("software").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
