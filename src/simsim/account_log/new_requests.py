"""Follows an account's log: every request once, in the order of the ids, also across interruptions.

Nodes store their requests independently, so a request may be stored after a later one. A follower therefore gets only
requests of the time that every node has completed: see `nodes.complete_until`.
"""

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from simsim.account_log.requests import requests_of
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.request_log.models import LoggedRequest
from simsim.request_log.nodes import complete_until
from simsim.request_log.row_ids import IDS_PER_DAY, LAST, SLACK, first_id, moment_of
from simsim.request_log.search import stored_rows
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import MAX_PAGE_ROWS

FIRST_WIDTH, MIN_WIDTH, MAX_WIDTH = IDS_PER_DAY // 24, 1 << 20, 31 * IDS_PER_DAY
BEFORE = timedelta(microseconds=SLACK >> 10)


def last_complete_id(now: datetime) -> int | None:
    """Return the id up to which no request will be added to the log; None while nobody knows."""
    until = complete_until(now)
    return None if until is None else first_id(until) - 1


def requests_after(
    last_id: int, through: int, account: Account, *, actor: Actor, filters: LogFilters
) -> Iterator[tuple[list[LoggedRequest], int]]:
    """Yield the matching requests with ids above `last_id` and up to `through`, oldest first, in pieces.

    Each piece comes with the id up to which all have been yielded; the last one reaches `through`. The filters' times
    are ignored. Raises NotFound or NotPermitted, and Invalid for an invalid status.
    """
    permit(actor, Permission.VIEW_LOG, account)
    oldest = stored_rows.oldest_id(account.pk, above=last_id, through=through)
    if oldest is None:
        yield [], through
        return
    low, width = oldest, FIRST_WIDTH
    while low <= through:
        high = min(low + width - 1, through)
        # A request may have an id of a moment later than its own.
        own = dataclasses.replace(filters, since=moment_of(low) - BEFORE, until=None)
        found, is_complete = requests_in(low, high, account, actor, own)
        if not is_complete and width > MIN_WIDTH:
            width //= 2
            continue
        while not is_complete:
            more, is_complete = requests_in(low, found[-1].pk - 1, account, actor, own)
            found += more
        yield found[::-1], high
        low, width = high + 1, min(width * 2, MAX_WIDTH)


def requests_in(
    low: int, high: int, account: Account, actor: Actor, filters: LogFilters
) -> tuple[list[LoggedRequest], bool]:
    """Return the newest requests with ids from `low` to `high`, and whether these are all."""
    below = str(min(high + 1, LAST))
    page = requests_of(account, actor=actor, filters=filters, limit=MAX_PAGE_ROWS, cursor=below)
    inside = [row for row in page.items if row.pk >= low]
    return inside, page.next_cursor is None or len(inside) < len(page.items)
