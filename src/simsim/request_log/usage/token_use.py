"""Each token's usage, read from counts that grow as rows arrive, so that the cost does not grow with the log."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Max, Sum

from simsim.request_log.models import TokenAddressDay, TokenUse, UsageCount
from simsim.request_log.ship.counts import DAY_HOURS, CountKind, hour_of
from simsim.request_log.ship.joined_ids import JoinedIds, split_ids

MAX_ADDRESSES = 5_000
# The number of days to look at, including today, in UTC. The list of tokens and the preview of an allowlist use the
# same number: they show the same requests, and two different sums would look like an error.
RECENT_DAYS = 30


@dataclass(frozen=True)
class AddressUse:
    """The number of requests that a token let in from one address ("" if unknown), and the day of the last one."""

    address: str
    requests: int
    last_day: date


def requests_by_day(
    account_id: uuid.UUID, token_ids: Iterable[uuid.UUID], *, last_day: date, days: int
) -> dict[uuid.UUID, list[int]]:
    """Return the number of requests that each of the account's tokens let in on each of the days, the oldest first.

    A token that let no request in is left out.
    """
    first_hour = hour_of(datetime.combine(last_day, time(), UTC)) - (days - 1) * DAY_HOURS
    counted = UsageCount.objects.filter(
        account_id=account_id, hours=DAY_HOURS, kind=CountKind.TOKEN, value__in={pk.hex for pk in token_ids},
        began_hour__gte=first_hour, began_hour__lt=first_hour + days * DAY_HOURS, accepted__gt=0,
    ).values_list("value", "began_hour", "accepted")  # fmt: skip
    found: dict[uuid.UUID, list[int]] = {}
    for value, began_hour, accepted in counted:
        found.setdefault(uuid.UUID(value), [0] * days)[(began_hour - first_hour) // DAY_HOURS] = accepted
    return found


def requests_by_token(account_id: uuid.UUID, *, last_day: date, days: int) -> dict[uuid.UUID, int]:
    """Return the number of requests that each of the account's tokens let in on those days, without those at 0."""
    first_hour = hour_of(datetime.combine(last_day, time(), UTC)) - (days - 1) * DAY_HOURS
    counted = UsageCount.objects.filter(
        account_id=account_id, hours=DAY_HOURS, kind=CountKind.TOKEN, accepted__gt=0,
        began_hour__gte=first_hour, began_hour__lt=first_hour + days * DAY_HOURS,
    )  # fmt: skip
    summed = counted.values_list("value").annotate(requests=Sum("accepted")).order_by()
    return {uuid.UUID(value): requests for value, requests in summed if value}


def address_pairs_of(account_id: uuid.UUID) -> Iterator[tuple[uuid.UUID, str]]:
    """Yield each of the account's tokens with each address from which it let a request in, as long as counts are kept.

    An unknown address is "".
    """
    pairs = TokenAddressDay.objects.filter(account_id=account_id).values_list("token_id", "address").distinct()
    yield from pairs.iterator()


def requests_by_address(account_id: uuid.UUID, *, since: date) -> Iterator[tuple[uuid.UUID, str, int]]:
    """Yield each of the account's tokens with each address, and the number of requests that it let in since that day.

    An unknown address is "".
    """
    counted = TokenAddressDay.objects.filter(account_id=account_id, day__gte=since)
    yield from counted.values_list("token_id", "address").annotate(requests=Sum("accepted")).iterator()


def addresses_of(token_id: uuid.UUID, *, last_day: date, days: int) -> list[AddressUse]:
    """Return the addresses of the token's accepted requests on those days, the busiest first, up to MAX_ADDRESSES.

    The limit is needed because an IPv6 host can use 2^64 addresses.
    """
    counted = (
        TokenAddressDay.objects.filter(token_id=token_id, day__gt=last_day - timedelta(days), day__lte=last_day)
        .values_list("address")
        .annotate(requests=Sum("accepted"), last=Max("day"))
        .order_by("-requests", "address")
    )
    return [AddressUse(*row) for row in counted[:MAX_ADDRESSES]]


def used_since(account_id: uuid.UUID, since: datetime) -> set[str]:
    """Return the ids of the account's tokens that let a request in since then, 32 hexadecimal digits each."""
    uses = TokenUse.objects.filter(account_id=account_id, used_at__gte=since)
    return set(split_ids(uses.aggregate(ids=JoinedIds("token_id"))["ids"]))
