"""Tokens that need attention, and the order in which a list shows tokens."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol

from django.db.models import Count, Q, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.request_log.search.selectors import LastUse
from simsim.request_log.ship.joined_ids import JoinedIds, split_ids
from simsim.request_log.usage.token_use import used_since
from simsim.tokens.models import Token, TokenQuerySet, TokenRequest, pause_in_force
from simsim.tokens.token_requests import unanswered
from simsim.tokens.token_status import Times, is_paused

EXPIRY_IS_NEAR = timedelta(days=7)
MAX_IDLE = timedelta(days=60)
# A token that is unused in its first week needs no attention.
FIRST_WEEK = timedelta(days=7)


class Attention(IntEnum):
    """Why a token needs attention; lists show the lowest value first."""

    PAUSED = 0
    EXPIRES_SOON = 1
    UNUSED = 2
    NONE = 3


class Aged(Times, Protocol):
    """A token's times, with that of its creation."""

    @property
    def created_at(self) -> datetime: ...


# More tokens than any account has, and still a LIMIT that both databases accept.
ALL = 2**62


@dataclass(frozen=True)
class TokenSearch:
    """Filters for active tokens: a text, a software's slug and an attention.

    The text matches a part of the name, the description or the creator, regardless of case, or the exact end of the
    password.
    """

    text: str = ""
    software: str = ""
    attention: Attention | None = None


@dataclass(frozen=True)
class Ranking:
    """The ids of the tokens found, in order, as strings.

    `counts` has the number of tokens that match text and software, by attention; `active` and `ended` are the numbers
    of all the account's tokens; `requests` are the members' requests for tokens.
    """

    ids: Sequence[str]
    counts: dict[Attention, int]
    active: int
    ended: int
    requests: QuerySet[TokenRequest]


def attention_of(token: Aged, use: LastUse | None, now: datetime) -> Attention:
    """Return why a token needs attention: it is paused, expires within a week, or has not been used for 60 days."""
    if is_paused(token, now):
        return Attention.PAUSED
    if token.expires_at - now <= EXPIRY_IS_NEAR:
        return Attention.EXPIRES_SOON
    is_unused = use is None or now - use.at >= MAX_IDLE
    return Attention.UNUSED if is_unused and now - token.created_at > FIRST_WEEK else Attention.NONE


def rank_active(account: Account, *, actor: Actor, search: TokenSearch, now: datetime) -> Ranking:
    """Return the active tokens that the search finds: those that need attention first, then by expiry.

    The last uses may be in another database, so the ids are sorted here, with a few queries for any number of tokens.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    tokens = Token.objects.active(now).filter(account=account)
    if search.text:
        tokens = having_text(tokens, search.text)
    if search.software:
        tokens = tokens.filter(software__slug=search.software)
    groups = grouped(tokens, used_since(account.pk, now - MAX_IDLE), now)
    wanted = Attention if search.attention is None else [search.attention]
    ids = [pk for attention in wanted for pk in groups[attention]]
    counts = {attention: len(groups[attention]) for attention in Attention}
    everything = Token.objects.filter(account=account)
    # This reads two ranges of one index; “not active” would read every token.
    has_ended = Q(revoked_at__isnull=False) | Q(revoked_at=None, expires_at__lte=now)
    if search.text or search.software:
        sums = everything.aggregate(all=Count("pk"), ended=Count("pk", filter=has_ended))
        active, ended = sums["all"] - sums["ended"], sums["ended"]
    else:
        active, ended = sum(counts.values()), everything.filter(has_ended).count()
    return Ranking(ids, counts, active, ended, unanswered(account))


def having_text(tokens: TokenQuerySet, text: str) -> TokenQuerySet:
    """Return those tokens that the text finds: see TokenSearch."""
    # Search the plain columns too: older code that still runs during an update does not update the search key.
    return tokens.filter(
        Q(search_key__contains=name_key(text))
        | Q(name__icontains=text)
        | Q(description__icontains=text)
        | Q(created_by_label__icontains=text)
        | Q(password_end=text)
    )


def tokens_with(text: str, *, account: Account, actor: Actor, most: int, now: datetime) -> tuple[list[Token], bool]:
    """Return up to `most` of the account's tokens that the text or id finds, active ones first, and whether more exist.

    Raises NotFound or NotPermitted.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    own = Token.objects.filter(account=account)
    matching = own.filter(pk=text) if is_id(text) else having_text(own, text)
    # First only ids, which are quick to sort; an ended token is looked for only if there is room for it.
    ids = list(matching.active(now).order_by("expires_at", "pk").values_list("pk", flat=True)[: most + 1])
    if len(ids) <= most:
        latest_first = matching.ended(now).order_by("-created_at", "pk")
        ids += latest_first.values_list("pk", flat=True)[: most + 1 - len(ids)]
    found = Token.objects.select_related("software").in_bulk(ids[:most])
    return [found[pk] for pk in ids[:most] if pk in found], len(ids) > most


def is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def grouped(tokens: TokenQuerySet, used: set[str], now: datetime) -> dict[Attention, list[str]]:
    """Return the ids of the tokens by attention, each group sorted by expiry; `used` comes from `used_since`."""
    by_expiry = tokens.annotate(
        ends_soon=Q(expires_at__lte=now + EXPIRY_IS_NEAR), is_new=Q(created_at__gte=now - FIRST_WEEK)
    ).order_by("expires_at", "pk")
    # The slice is needed: without it, the aggregate ignores the order.
    joined = by_expiry[:ALL].aggregate(
        soon=JoinedIds("pk", filter=Q(ends_soon=True)),
        later=JoinedIds("pk", filter=Q(ends_soon=False)),
        new=JoinedIds("pk", filter=Q(ends_soon=False, is_new=True)),
    )
    # A query of its own, which reads the index of the paused tokens: the rows of all others stay unread.
    paused = [pk.hex for pk in by_expiry.filter(pause_in_force(now)).values_list("pk", flat=True)]
    apart = set(paused)
    soon, later = ([pk for pk in split_ids(joined[name]) if pk not in apart] for name in ("soon", "later"))
    spared = used.union(split_ids(joined["new"]))
    return {
        Attention.PAUSED: paused,
        Attention.EXPIRES_SOON: soon,
        Attention.UNUSED: [pk for pk in later if pk not in spared],
        Attention.NONE: [pk for pk in later if pk in spared],
    }
