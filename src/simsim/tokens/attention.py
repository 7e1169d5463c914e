"""Which tokens want attention, and in which order a person looks through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.db import connections
from django.db.models import Case, Count, IntegerField, Q, QuerySet, TextField, When
from django.db.models.functions import Cast

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.request_log.query import LastUse
from simsim.request_log.usage import used_since
from simsim.tokens.asking import unanswered
from simsim.tokens.models import Token, TokenQuerySet, TokenRequest

SOON = timedelta(days=7)
IDLE = timedelta(days=60)
# Nobody is asked why a token is unused in its first week.
SETTLED = timedelta(days=7)


class Attention(IntEnum):
    """Why a token wants attention; the lowest comes first in a list."""

    EXPIRES_SOON = 0
    UNUSED = 1
    NONE = 2


UNUSED = int(Attention.UNUSED)


@dataclass(frozen=True)
class Search:
    """Which active tokens: `text` in name, description or creator, any case; the slug of a software; an attention."""

    text: str = ""
    software: str = ""
    attention: Attention | None = None


@dataclass(frozen=True)
class Ranking:
    """The ids of the tokens found, in order, as texts.

    `counts` says how many of all that match text and software want which attention; `active` and `ended` how many the
    account has, found or not; `asked` are the tokens that members ask for.
    """

    ids: Sequence[str]
    counts: dict[Attention, int]
    active: int
    ended: int
    asked: QuerySet[TokenRequest]


def attention_of(token: Token, use: LastUse | None, now: datetime) -> Attention:
    """Return why an active token wants attention: it ends within a week, or nothing has used it for long."""
    if token.expires_at - now <= SOON:
        return Attention.EXPIRES_SOON
    is_unused = use is None or now - use.at >= IDLE
    return Attention.UNUSED if is_unused and now - token.created_at > SETTLED else Attention.NONE


def rank_active(account: Account, *, actor: Actor, search: Search, now: datetime) -> Ranking:
    """Return the active tokens that the search finds: those that want attention first, then by expiry.

    Uses lie in another database, so the order is made here, of ids alone: a few queries, however many tokens.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    tokens = Token.objects.active(now).filter(account=account)
    if search.text:
        tokens = tokens.filter(
            Q(name__icontains=search.text)
            | Q(description__icontains=search.text)
            | Q(created_by_label__icontains=search.text)
        )
    if search.software:
        tokens = tokens.filter(software__slug=search.software)
    groups = grouped(tokens, used_since(account.pk, now - IDLE), now)
    wanted = Attention if search.attention is None else [search.attention]
    ids = [pk for attention in wanted for pk in groups[attention]]
    counts = {attention: len(groups[attention]) for attention in Attention}
    everything = Token.objects.filter(account=account)
    # As two ranges of one index: “not active” would read every token.
    has_ended = Q(revoked_at__isnull=False) | Q(revoked_at=None, expires_at__lte=now)
    if search.text or search.software:
        sums = everything.aggregate(all=Count("pk"), ended=Count("pk", filter=has_ended))
        active, ended = sums["all"] - sums["ended"], sums["ended"]
    else:
        active, ended = sum(counts.values()), everything.filter(has_ended).count()
    return Ranking(ids, counts, active, ended, unanswered(account))


def grouped(tokens: TokenQuerySet, used: set[str], now: datetime) -> list[list[str]]:
    """Return the ids of the tokens by attention, each group by expiry; `used` as `used_since` returns it."""
    # Ids stay texts, the flags one number and the rows the database's own: as objects, ten thousand take 60 ms more.
    group = Case(
        When(expires_at__lte=now + SOON, then=int(Attention.EXPIRES_SOON)),
        When(created_at__lt=now - SETTLED, then=int(Attention.UNUSED)),
        default=int(Attention.NONE),
        output_field=IntegerField(),
    )
    rows = tokens.order_by("expires_at", "pk").values_list(Cast("pk", TextField()), group)
    with connections[tokens.db].cursor() as cursor:
        cursor.execute(*rows.query.sql_with_params())
        found = cursor.fetchall()
    groups: list[list[str]] = [[] for _ in Attention]
    unused, none = groups[Attention.UNUSED], groups[Attention.NONE]
    for pk, attention in found:
        if attention == UNUSED:
            (none if pk.replace("-", "") in used else unused).append(pk)
        else:
            groups[attention].append(pk)
    return groups
