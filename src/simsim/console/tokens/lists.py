"""The two lists: active tokens, and those that are expired or revoked (R14)."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.console.place import Visit, for_administrators
from simsim.console.tokens.rows import rows
from simsim.tokens.asking import unanswered
from simsim.tokens.models import Status, Token
from simsim.tokens.reading import tokens_of

PAGE_TOKENS = 50


@require_safe
@for_administrators
def active(visit: Visit) -> HttpResponse:
    """Show the active tokens, those that expire first at the top."""
    requests = unanswered(visit.account, actor=visit.actor)
    return page_of(visit, active_tokens(visit), "console/tokens/active.html", requests=requests)


@require_safe
@for_administrators
def ended(visit: Visit) -> HttpResponse:
    """Show what has expired or was revoked, the latest first, with when and by whom."""
    latest_first = ended_tokens(visit).order_by(Coalesce("revoked_at", "expires_at").desc(), "pk")
    return page_of(visit, latest_first, "console/tokens/ended.html")


def active_tokens(visit: Visit) -> QuerySet[Token]:
    return tokens_of(visit.account, actor=visit.actor, status=Status.ACTIVE, now=visit.now)


def ended_tokens(visit: Visit) -> QuerySet[Token]:
    expired, revoked = (
        tokens_of(visit.account, actor=visit.actor, status=status, now=visit.now)
        for status in (Status.EXPIRED, Status.REVOKED)
    )
    return expired | revoked


def page_of(visit: Visit, tokens: QuerySet[Token], template: str, **more: object) -> HttpResponse:
    # get_page shows the nearest page for a number that is none, so that an old bookmark still leads somewhere.
    page = Paginator(tokens, PAGE_TOKENS).get_page(visit.request.GET.get("page"))
    context = {
        "account": visit.account,
        "now": visit.now,
        "page": page,
        "rows": rows(page.object_list, now=visit.now),
        "active_count": active_tokens(visit).count(),
        "ended_count": ended_tokens(visit).count(),
    } | more
    return render(visit.request, template, context)
