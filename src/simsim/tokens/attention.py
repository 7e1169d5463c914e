"""Which tokens want attention, and in which order a person looks through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.db.models import Count, Q, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.request_log.search.selectors import LastUse
from simsim.request_log.ship.joined_ids import JoinedIds, split_ids
from simsim.request_log.usage.token_use import used_since
from simsim.tokens.models import Token, TokenQuerySet, TokenRequest
from simsim.tokens.token_requests import unanswered

SOON = timedelta(days=7)
IDLE = timedelta(days=60)
# Nobody is asked why a token is unused in its first week.
SETTLED = timedelta(days=7)


class Attention(IntEnum):
    """Why a token wants attention; the lowest comes first in a list."""

    EXPIRES_SOON = 0
    UNUSED = 1
    NONE = 2


# More tokens than there can be, in what both databases take for a number of rows.
ALL = 2**62


@dataclass(frozen=True)
class Search:
    """Which active tokens: the slug of a software, an attention, and a text.

    The text is part of the name, the description or the creator, in any case, or the end of the password, in its own.
    """

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
        # The plain columns too: older code, which runs on during an update, leaves the key behind its texts.
        tokens = tokens.filter(
            Q(search_key__contains=name_key(search.text))
            | Q(name__icontains=search.text)
            | Q(description__icontains=search.text)
            | Q(created_by_label__icontains=search.text)
            | Q(password_end=search.text)
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


def grouped(tokens: TokenQuerySet, used: set[str], now: datetime) -> dict[Attention, list[str]]:
    """Return the ids of the tokens by attention, each group by expiry; `used` as `used_since` returns it."""
    by_expiry = tokens.annotate(
        ends_soon=Q(expires_at__lte=now + SOON), is_new=Q(created_at__gte=now - SETTLED)
    ).order_by("expires_at", "pk")
    # Without the slice an aggregate is of rows in no order.
    joined = by_expiry[:ALL].aggregate(
        soon=JoinedIds("pk", filter=Q(ends_soon=True)),
        later=JoinedIds("pk", filter=Q(ends_soon=False)),
        new=JoinedIds("pk", filter=Q(ends_soon=False, is_new=True)),
    )
    later = split_ids(joined["later"])
    spared = used.union(split_ids(joined["new"]))
    return {
        Attention.EXPIRES_SOON: split_ids(joined["soon"]),
        Attention.UNUSED: [pk for pk in later if pk not in spared],
        Attention.NONE: [pk for pk in later if pk in spared],
    }
