"""Addresses whose requests were recently accepted for the first time, which may mean that a password was stolen."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import connections
from django.db.models import Sum

from simsim.request_log.models import TokenAddressDay, uuid_parameter
from simsim.request_log.usage.token_use import MAX_ADDRESSES

# This query jumps in the index from one address to the next: a GROUP BY would read every day of every token for each
# address.
FIRST_DAYS = """
    WITH RECURSIVE known(place, address) AS (
        SELECT 1, (SELECT MIN(address) FROM request_log_tokenaddressday WHERE account_id = %s AND address > '')
        UNION ALL
        SELECT place + 1, (SELECT MIN(day.address) FROM request_log_tokenaddressday AS day
                           WHERE day.account_id = %s AND day.address > known.address)
        FROM known WHERE address IS NOT NULL AND place < %s
    )
    SELECT address, (SELECT MIN(day.day) FROM request_log_tokenaddressday AS day
                     WHERE day.account_id = %s AND day.address = known.address)
    FROM known WHERE address IS NOT NULL
"""


@dataclass(frozen=True)
class AddressSeenFirst:
    """An address, the day of its first accepted request, and each token's number of accepted requests from it."""

    address: str
    first_day: date
    requests: dict[uuid.UUID, int]


@dataclass(frozen=True)
class AddressesSeenFirst:
    """The newest of the `number` new addresses.

    `is_cut` means that the account has more addresses than were searched.
    """

    shown: Sequence[AddressSeenFirst]
    number: int
    is_cut: bool


def new_addresses(account_id: uuid.UUID, *, since: date, most: int) -> AddressesSeenFirst:
    """Return the addresses whose first accepted request came on that day or later, the latest first, and at most `most`
    of them.

    First means first within the retention time; unknown addresses are left out.
    """
    account = uuid_parameter(account_id)
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        cursor.execute(FIRST_DAYS, (account, account, MAX_ADDRESSES, account))
        rows = cursor.fetchall()
    known = [(address, day if isinstance(day, date) else date.fromisoformat(day)) for address, day in rows]
    new = sorted(((day, address) for address, day in known if day >= since), key=lambda each: each[1])
    new.sort(key=lambda each: each[0], reverse=True)
    counted = (
        TokenAddressDay.objects.filter(account_id=account_id, address__in=[address for _, address in new[:most]])
        .values_list("address", "token_id")
        .annotate(sum=Sum("accepted"))
        .order_by("-sum", "token_id")
    )
    requests: dict[str, dict[uuid.UUID, int]] = {}
    for address, token_id, number in counted if new else ():
        requests.setdefault(address, {})[token_id] = int(number)
    shown = [AddressSeenFirst(address, day, requests.get(address, {})) for day, address in new[:most]]
    return AddressesSeenFirst(shown, len(new), len(known) == MAX_ADDRESSES)
