"""The two lists: active tokens, and those that are expired or revoked (R14)."""

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.console.place import Visit, for_administrators
from simsim.console.tokens.rows import rows
from simsim.tokens.models import Token
from simsim.tokens.reading import tokens_of

PAGE_TOKENS = 50


@require_safe
@for_administrators
def active(visit: Visit) -> HttpResponse:
    """Show the active tokens, those that expire first at the top."""
    active_tokens, ended_tokens = both_lists(visit)
    page = page_of(visit, active_tokens)
    counts = {"active_count": page.paginator.count, "ended_count": ended_tokens.count()}
    return show(visit, page, counts, "console/tokens/active.html")


@require_safe
@for_administrators
def ended(visit: Visit) -> HttpResponse:
    """Show what has expired or was revoked, the latest first, with when and by whom."""
    active_tokens, ended_tokens = both_lists(visit)
    page = page_of(visit, ended_tokens.order_by(Coalesce("revoked_at", "expires_at").desc(), "pk"))
    counts = {"active_count": active_tokens.count(), "ended_count": page.paginator.count}
    return show(visit, page, counts, "console/tokens/ended.html")


def both_lists(visit: Visit) -> tuple[QuerySet[Token], QuerySet[Token]]:
    """Return the account's active tokens and its ended ones, after one question whether the person may see them."""
    tokens = tokens_of(visit.account, actor=visit.actor, status=None, now=visit.now)
    return tokens.active(visit.now), tokens.ended(visit.now)


def page_of(visit: Visit, tokens: QuerySet[Token]) -> Page[Token]:
    # get_page shows the nearest page for a number that is none, so that an old bookmark still leads somewhere.
    return Paginator(tokens, PAGE_TOKENS).get_page(visit.request.GET.get("page"))


def show(visit: Visit, page: Page[Token], counts: dict[str, int], template: str) -> HttpResponse:
    shown = {"account": visit.account, "now": visit.now, "page": page, "rows": rows(page.object_list, now=visit.now)}
    return render(visit.request, template, shown | counts)
