"""How much each token is used, from counts that are kept as rows arrive: the cost does not grow with the log."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, Sum

from simsim.request_log.joined_ids import JoinedIds, split_ids
from simsim.request_log.models import TokenAddressDay, TokenDay, TokenUse

MOST_ADDRESSES = 5_000


@dataclass(frozen=True)
class AddressUse:
    """How many requests a token let in from one address, "" for an unknown one, and on which day the last."""

    address: str
    requests: int
    last_day: date


def requests_by_day(token_ids: Iterable[uuid.UUID], *, last_day: date, days: int) -> dict[uuid.UUID, list[int]]:
    """Return for each of the tokens how many requests it let in on each of the days, the oldest first.

    A token that let none in is not in the answer.
    """
    first_day = last_day - timedelta(days=days - 1)
    counted = TokenDay.objects.filter(
        token_id__in=set(token_ids), day__gte=first_day, day__lte=last_day, accepted__gt=0
    ).values_list("token_id", "day", "accepted")
    found: dict[uuid.UUID, list[int]] = {}
    for token_id, day, accepted in counted:
        found.setdefault(token_id, [0] * days)[(day - first_day).days] = accepted
    return found


def addresses_of(token_id: uuid.UUID, *, since: date) -> list[AddressUse]:
    """Return from where the token let requests in since that day, the busiest address first, MOST_ADDRESSES at most.

    Whoever holds a password chooses how many there are: an IPv6 host has 2^64 of them.
    """
    counted = (
        TokenAddressDay.objects.filter(token_id=token_id, day__gte=since)
        .values_list("address")
        .annotate(requests=Sum("accepted"), last=Max("day"))
        .order_by("-requests", "address")
    )
    return [AddressUse(*row) for row in counted[:MOST_ADDRESSES]]


def used_since(account_id: uuid.UUID, since: datetime) -> set[str]:
    """Return which tokens of the account let a request in since then: their ids, 32 hexadecimal digits each."""
    uses = TokenUse.objects.filter(account_id=account_id, used_at__gte=since)
    return set(split_ids(uses.aggregate(ids=JoinedIds("token_id"))["ids"]))
