"""By which time the log is deleted: not by a clock that has jumped, until it has gone on for a day from there.

The mark rests in the database, so that a worker which starts while the clock is wrong deletes nothing either.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from simsim.request_log.models import RetentionMark

log = logging.getLogger(__name__)
# A worker that was away for longer waits for a day as well; nothing is lost by that.
LARGEST_STEP = timedelta(days=2)
HOLD = timedelta(days=1)


class Mark(NamedTuple):
    """The latest time that is believed, None before the first day; and since when a time far from it is told."""

    at: datetime | None
    doubted_since: datetime | None = None


def moved(mark: Mark, now: datetime) -> Mark:
    """Return the mark after the clock has told `now`: a step back is believed at once, for it deletes nothing."""
    if mark.at is not None and now - mark.at <= LARGEST_STEP:
        return Mark(now)
    since = mark.doubted_since
    if since is None or not timedelta() <= now - since <= HOLD + LARGEST_STEP:
        return Mark(mark.at, now)
    return Mark(now) if now - since >= HOLD else mark


def time_to_delete_by(now: datetime) -> datetime | None:
    """Return the time by which what is old is deleted, None while there is none. Notes that it was asked."""
    row = RetentionMark.objects.filter(pk=RetentionMark.ONLY).first()
    before = Mark(row.at, row.doubted_since) if row else Mark(None)
    after = moved(before, now)
    if after != before:
        RetentionMark.objects.update_or_create(pk=RetentionMark.ONLY, defaults=after._asdict())
    if after.doubted_since is not None and before.at is not None:
        log.warning("the clock tells %s, long after %s: the log is not deleted by it for a day", now, before.at)
    return after.at
