"""What is older than the operator keeps goes, in steps small enough that nobody waits for one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model

from simsim.request_log import partitions
from simsim.request_log.counting import DAY_HOURS, TEN_DAYS_HOURS, hour_of
from simsim.request_log.models import Flood, LoggedRequest, SetAsideLine, TokenAddressDay, UsageCount
from simsim.request_log.row_ids import A_DAY, first_id

# As long as the usage is shown by hours. The days stay as long as the requests themselves.
HOURS_KEPT = timedelta(days=8)
STEP = 900


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
