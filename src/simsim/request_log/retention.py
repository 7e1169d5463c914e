"""Deletes old rows of the log after the retention time, in small steps that do not delay other work.

After the clock jumps, nothing is deleted until the clock has run for another day. The database remembers the last good
time, so that a worker that starts while the clock is wrong deletes nothing either.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model

from simsim.request_log import partitions
from simsim.request_log.clickhouse import server, table
from simsim.request_log.models import Flood, LoggedRequest, RetentionMark, SetAsideLine, TokenAddressDay, UsageCount
from simsim.request_log.row_ids import IDS_PER_DAY, first_id
from simsim.request_log.ship.counts import DAY_HOURS, TEN_DAYS_HOURS, hour_of

log = logging.getLogger(__name__)
# How long usage by the hour is kept. The counts per day are kept as long as the requests.
HOURS_KEPT = timedelta(days=8)
STEP = 900
# After a longer stop, a worker also waits for a day before it deletes anything, which does no harm.
MAX_STEP = timedelta(days=1)
DOUBT_LASTS = timedelta(days=1)


def forget_old(now: datetime, *, days: int, step: int = STEP) -> int:
    """Delete requests, counts and lines set aside that are older than `days`, at most `step` of each kind.

    Return how many were deleted, where a day's partition counts as one. Call this until it returns 0. Only whole days
    are deleted, so that a day's counts always match its requests.
    """
    before = first_moment_kept(now, days)
    hours, day, ten_days = {"hours": 1}, {"hours": DAY_HOURS}, {"hours": TEN_DAYS_HOURS}
    return (
        _forget_requests(before, step)
        + _forget(SetAsideLine, "found_at", before, step)
        + _forget(TokenAddressDay, "day", before.date(), step)
        + _forget(Flood, "minute", before, step)
        # A count for ten days is wrong as soon as the first of those days is deleted.
        + _forget(UsageCount, "began_hour", hour_of(before), step, **ten_days)
        + _forget(UsageCount, "began_hour", hour_of(before), step, **day)
        + _forget(UsageCount, "began_hour", hour_of(max(before, now - HOURS_KEPT)), step, **hours)
    )


def first_moment_kept(now: datetime, days: int) -> datetime:
    """Return the midnight (UTC) from which rows are kept, if whole days are kept for `days`."""
    return (now - timedelta(days=days)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _forget_requests(before: datetime, step: int) -> int:
    if server.is_home():
        return int(table.drop_one(first_id(before) // IDS_PER_DAY))
    if connections[settings.REQUEST_LOG_ALIAS].vendor == "postgresql":
        with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
            cursor = connections[settings.REQUEST_LOG_ALIAS].cursor()
            return int(partitions.drop_one(cursor, first_id(before) // IDS_PER_DAY))
    return _forget(LoggedRequest, "id", first_id(before), step)


def _forget(model: type[Model], time: str, before: Any, step: int, **which: int) -> int:
    old = model._default_manager.filter(**which, **{f"{time}__lt": before}).order_by(time)
    # Read the ids first: PostgreSQL uses the index to delete a list of ids, but might not for a subquery with LIMIT.
    return model._default_manager.filter(pk__in=list(old.values_list("pk", flat=True)[:step])).delete()[0]


class RetentionTime(NamedTuple):
    """The latest trusted time, or None if there is none yet; and the time since when the clock has been far from it."""

    at: datetime | None
    doubted_since: datetime | None = None


def advanced(known: RetentionTime, now: datetime) -> RetentionTime:
    """Return the trusted time, updated after the clock has shown `now`.

    A step back is trusted at once, because it deletes nothing.
    """
    if known.at is not None and now - known.at <= MAX_STEP:
        return RetentionTime(now)
    since = known.doubted_since
    if since is None or not timedelta() <= now - since <= DOUBT_LASTS + MAX_STEP:
        return RetentionTime(known.at, now)
    return RetentionTime(now) if now - since >= DOUBT_LASTS else known


def time_to_delete_by(now: datetime) -> datetime | None:
    """Return the time at which to judge the rows' age, or None while the clock is wrong; store the clock's time."""
    row = RetentionMark.objects.filter(pk=RetentionMark.ONLY).first()
    before = RetentionTime(row.at, row.doubted_since) if row else RetentionTime(None)
    after = advanced(before, now)
    if after != before:
        RetentionMark.objects.update_or_create(pk=RetentionMark.ONLY, defaults=after._asdict())
    if after.doubted_since is not None and before.at is not None:
        log.warning("the clock shows %s, long after %s: for a day nothing is deleted from the log", now, before.at)
    return after.at
