"""Deletes what is older than the operator keeps, in steps small enough that nobody waits for one.

A clock that has jumped deletes nothing until it has gone on for a day from there. The mark that tells rests in the
database, so that a worker which starts while the clock is wrong deletes nothing either.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model

from simsim.request_log import partitions
from simsim.request_log.models import Flood, LoggedRequest, RetentionMark, SetAsideLine, TokenAddressDay, UsageCount
from simsim.request_log.row_ids import A_DAY, first_id
from simsim.request_log.ship.counts import DAY_HOURS, TEN_DAYS_HOURS, hour_of

log = logging.getLogger(__name__)
# As long as the usage is shown by hours. The days stay as long as the requests themselves.
HOURS_KEPT = timedelta(days=8)
STEP = 900
# A worker that was away for longer waits for a day as well; nothing is lost by that.
MAX_STEP = timedelta(days=1)
HOLD = timedelta(days=1)


def forget_old(now: datetime, *, days: int, step: int = STEP) -> int:
    """Delete at most `step` of each kind of what is older than the operator keeps: requests, counts, lines set aside.

    Return how many were deleted, a day's partition as one: call it until it returns 0. Whole days go, so that what is
    counted of a day is always what is there of it.
    """
    before = (now - timedelta(days=days)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    hours, day, ten_days = {"hours": 1}, {"hours": DAY_HOURS}, {"hours": TEN_DAYS_HOURS}
    return (
        _forget_requests(before, step)
        + _forget(SetAsideLine, "found_at", before, step)
        + _forget(TokenAddressDay, "day", before.date(), step)
        + _forget(Flood, "minute", before, step)
        # Ten days of which the first goes are no longer what is there of them.
        + _forget(UsageCount, "began_hour", hour_of(before), step, **ten_days)
        + _forget(UsageCount, "began_hour", hour_of(before), step, **day)
        + _forget(UsageCount, "began_hour", hour_of(max(before, now - HOURS_KEPT)), step, **hours)
    )


def _forget_requests(before: datetime, step: int) -> int:
    if connections[settings.REQUEST_LOG_ALIAS].vendor == "postgresql":
        with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
            cursor = connections[settings.REQUEST_LOG_ALIAS].cursor()
            return int(partitions.drop_one(cursor, first_id(before) // A_DAY))
    return _forget(LoggedRequest, "id", first_id(before), step)


def _forget(model: type[Model], time: str, before: Any, step: int, **which: int) -> int:
    old = model._default_manager.filter(**which, **{f"{time}__lt": before}).order_by(time)
    # The ids are read first: by a list PostgreSQL deletes through the index, by a subquery with LIMIT it may not.
    return model._default_manager.filter(pk__in=list(old.values_list("pk", flat=True)[:step])).delete()[0]


class RetentionTime(NamedTuple):
    """The latest time that is believed, None before the first day; and since when a time far from it is told."""

    at: datetime | None
    doubted_since: datetime | None = None


def moved(mark: RetentionTime, now: datetime) -> RetentionTime:
    """Return the mark after the clock has told `now`: a step back is believed at once, for it deletes nothing."""
    if mark.at is not None and now - mark.at <= MAX_STEP:
        return RetentionTime(now)
    since = mark.doubted_since
    if since is None or not timedelta() <= now - since <= HOLD + MAX_STEP:
        return RetentionTime(mark.at, now)
    return RetentionTime(now) if now - since >= HOLD else mark


def time_to_delete_by(now: datetime) -> datetime | None:
    """Return the time by which what is old is deleted, None while there is none. Notes that it was asked."""
    row = RetentionMark.objects.filter(pk=RetentionMark.ONLY).first()
    before = RetentionTime(row.at, row.doubted_since) if row else RetentionTime(None)
    after = moved(before, now)
    if after != before:
        RetentionMark.objects.update_or_create(pk=RetentionMark.ONLY, defaults=after._asdict())
    if after.doubted_since is not None and before.at is not None:
        log.warning("the clock tells %s, long after %s: the log is not deleted by it for a day", now, before.at)
    return after.at
