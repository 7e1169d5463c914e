"""Row ids: the microsecond of a request's arrival, and a number that distinguishes requests of the same microsecond.

One column therefore orders the log, finds a time, completes every index, marks where a page ends, and on PostgreSQL
separates days.
"""

import itertools
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BITS = 10  # with this number of bits, the microseconds last until the year 2255
IDS_PER_MICROSECOND = 1 << BITS
IDS_PER_DAY = 86_400_000_000 << BITS
LAST = 2**63 - 1
# When many requests share a microsecond, some get ids that belong to later microseconds.
SLACK = 1_000_000 << BITS

# A random start, so that two nodes rarely choose the same number for requests of the same microsecond.
_numbers = itertools.count(secrets.randbelow(IDS_PER_MICROSECOND))


def first_id(moment: datetime) -> int:
    """Return the lowest id that a request of this moment can have; requests up to SLACK earlier may have higher ids."""
    return microseconds_of(moment) << BITS


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds since the year 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(row_id: int) -> datetime:
    """Return the time in an id."""
    return EPOCH + timedelta(microseconds=row_id >> BITS)


def allocate(moments: Iterable[int], *, attempt: int = 0) -> list[int]:
    """Return an id for each of the times, which are in microseconds since 1970 and ascending.

    The database detects ids that another batch has taken; a later `attempt` then chooses ids further away.
    """
    offset = secrets.randbelow(IDS_PER_MICROSECOND << 2 * attempt) if attempt else 0
    last = -1
    ids: list[int] = []
    for moment, number in zip(moments, _numbers, strict=False):
        row_id = ((moment << BITS) | number & IDS_PER_MICROSECOND - 1) + offset
        last = row_id if row_id > last else last + 1
        ids.append(last)
    return ids
