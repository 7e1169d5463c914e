"""Row ids: the microsecond in which a request came, and a number that tells apart the requests of one microsecond.

So one column orders the log, finds a time, ends every index, cuts the pages and, on PostgreSQL, the days.
"""

import itertools
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BITS = 10  # the microseconds then last until the year 2255
A_MICROSECOND = 1 << BITS
A_DAY = 86_400_000_000 << BITS
LAST = 2**63 - 1
# An id may be later than its time: where many requests share a microsecond, the next ones lend their numbers.
SLACK = 1_000_000 << BITS

# Begins anywhere, so that two nodes that meet in one microsecond seldom meet in its number as well.
_numbers = itertools.count(secrets.randbelow(A_MICROSECOND))


def first_id(moment: datetime) -> int:
    """Return the lowest id that a request of this moment may have; ids of earlier moments may be higher by SLACK."""
    return microseconds_of(moment) << BITS


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds since the year 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(row_id: int) -> datetime:
    """Return the moment that an id stands for."""
    return EPOCH + timedelta(microseconds=row_id >> BITS)


def allocate(moments: Iterable[int], *, attempt: int = 0) -> list[int]:
    """Return an id for each of the moments, in microseconds since 1970, which come in their order, ascending.

    Ids that another batch has taken are found out by the database; a later `attempt` then looks further away.
    """
    offset = secrets.randbelow(A_MICROSECOND << 2 * attempt) if attempt else 0
    last = -1
    ids: list[int] = []
    for moment, number in zip(moments, _numbers, strict=False):
        row_id = ((moment << BITS) | number & A_MICROSECOND - 1) + offset
        last = row_id if row_id > last else last + 1
        ids.append(last)
    return ids
