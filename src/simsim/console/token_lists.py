"""The tokens of an account: the active ones, and in a list of their own those that have ended."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Least
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from simsim.accounts.permissions import Permission
from simsim.console.visiting import Visit, in_account
from simsim.request_log.query import LastUse, last_uses
from simsim.tokens.models import Status, Token
from simsim.tokens.reading import tokens_of

PAGE_SIZE = 50
SOON = timedelta(days=7)
SHOWN_NETWORKS = 2


@dataclass(frozen=True)
class Line:
    """One token as a list shows it."""

    token: Token
    last_use: LastUse | None
    ends_soon: bool
    is_revoked: bool

    @property
    def networks(self) -> list[str]:
        return self.token.allowed_networks[:SHOWN_NETWORKS]

    @property
    def more_networks(self) -> int:
        return max(0, len(self.token.allowed_networks) - SHOWN_NETWORKS)


@in_account(Permission.VIEW_TOKENS)
def active(request: HttpRequest, visit: Visit) -> HttpResponse:
    """List the active tokens, those that expire first at the top."""
    tokens = tokens_of(visit.account, actor=visit.actor, status=Status.ACTIVE, now=visit.now)
    return answer(request, visit, tokens, "console/tokens.html")


@in_account(Permission.VIEW_TOKENS)
def ended(request: HttpRequest, visit: Visit) -> HttpResponse:
    """List the expired and the revoked tokens, those that ended last at the top (R14)."""
    tokens = tokens_of(visit.account, actor=visit.actor, status=None, now=visit.now)
    ended_at = Least(Coalesce(F("revoked_at"), F("expires_at")), F("expires_at"))
    gone = tokens.exclude(revoked_at=None, expires_at__gt=visit.now).alias(ended_at=ended_at)
    return answer(request, visit, gone.order_by("-ended_at", "pk"), "console/ended_tokens.html")


def answer(request: HttpRequest, visit: Visit, tokens: QuerySet[Token], template: str) -> HttpResponse:
    page = Paginator(tokens, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "account": visit.account,
        "page": page,
        "lines": lines(page, visit),
        "active_count": Token.objects.active(visit.now).filter(account=visit.account).count(),
        "ended_count": Token.objects.ended(visit.now).filter(account=visit.account).count(),
        "now": visit.now,
    }
    return render(request, template, context)


def lines(page: Page[Token], visit: Visit) -> list[Line]:
    uses = last_uses([token.pk for token in page])
    return [
        Line(
            token=token,
            last_use=uses.get(token.pk),
            ends_soon=token.expires_at - visit.now <= SOON,
            is_revoked=token.status(visit.now) == Status.REVOKED,
        )
        for token in page
    ]
