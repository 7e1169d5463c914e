"""Shortens addresses in the log once they are older than the operator wants to keep them, in small steps.

Day by day, the counts first: a search asks them on which days it finds anything. `RetentionMark` remembers how far it
came; lines that arrive late take it back.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Min, Model, Q, QuerySet

from simsim.request_log.models import (
    Flood,
    LoggedRequest,
    RetentionMark,
    SetAsideLine,
    TokenAddressDay,
    TokenUse,
    uuid_parameter,
)
from simsim.request_log.partitions import TABLE
from simsim.request_log.retention import STEP, first_moment_kept
from simsim.request_log.row_ids import IDS_PER_DAY, first_id, moment_of
from simsim.request_log.ship import floods
from simsim.request_log.ship.bulk_sql import ADDRESS_DAY
from simsim.request_log.short_addresses import ENDINGS, shortened

Row = TypeVar("Row", bound=Model)


def shorten_old(now: datetime, *, days: int, log_days: int, step: int = STEP) -> int:
    """Shorten some addresses that are older than `days`, if that is not 0. Call this until it returns 0.

    Only whole days are shortened. What is older than `log_days` is deleted, so it is left out.
    """
    if not days:
        return 0
    before = first_moment_kept(now, days)
    end = first_id(before)
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        # Locked, so that a late line is stored either before the rows are read, or after the mark has moved.
        mark, _ = RetentionMark.objects.select_for_update().get_or_create(pk=RetentionMark.ONLY)
        begin = max(mark.shortened_to or oldest_id(end), first_id(first_moment_kept(now, log_days)))
        if begin >= end:
            return shorten_last_uses(before, step) + forget_lines(before, step)
        day = moment_of(begin).date()
        return (
            shorten_counts(day, step)
            or shorten_floods(day, step)
            or shorten_requests(begin, min(end, (begin // IDS_PER_DAY + 1) * IDS_PER_DAY), step)
        )


def oldest_id(otherwise: int) -> int:
    """Return the lowest id of the oldest day that has anything to shorten."""
    days = [
        moment_of(LoggedRequest.objects.aggregate(oldest=Min("pk"))["oldest"] or otherwise).date(),
        TokenAddressDay.objects.aggregate(oldest=Min("day"))["oldest"],
        (Flood.objects.aggregate(oldest=Min("minute"))["oldest"] or moment_of(otherwise)).date(),
    ]
    return first_id(datetime.combine(min(filter(None, days)), time(), UTC))


def shorten_requests(begin: int, end: int, step: int) -> int:
    """Shorten the addresses of the next rows with ids from `begin`, and move the mark; return 1 for progress."""
    next_rows = LoggedRequest.objects.filter(pk__gte=begin, pk__lt=end).order_by("pk")
    rows = list(next_rows.values_list("pk", "address")[:step])
    changes = [(shortened(address), pk) for pk, address in rows if address and shortened(address) != address]
    if changes:
        with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
            cursor.executemany(f"UPDATE {TABLE} SET address = %s WHERE id = %s", changes)  # noqa: S608 - our own name
    reached = rows[-1][0] + 1 if len(rows) == step else end
    RetentionMark.objects.filter(pk=RetentionMark.ONLY).update(shortened_to=reached)
    return 1


def shorten_counts(day: date, step: int) -> int:
    """Add some of a day's counts by address to those of their networks; return how many."""
    old = whole(TokenAddressDay.objects.filter(day=day), "address", step)
    values = [
        (
            uuid_parameter(row.token_id), day, shortened(row.address),
            uuid_parameter(row.account_id) if row.account_id else None, row.accepted,
        )
        for row in old
    ]  # fmt: skip
    return merge(TokenAddressDay, old, ADDRESS_DAY, values)


def shorten_floods(day: date, step: int) -> int:
    """Add some of a day's floods to those of the wider networks; return how many."""
    begin = datetime.combine(day, time(), UTC)
    old = whole(Flood.objects.filter(minute__gte=begin, minute__lt=begin + timedelta(days=1)), "network", step)
    adapt = connections[settings.REQUEST_LOG_ALIAS].ops.adapt_datetimefield_value
    values = [(adapt(row.minute), shortened(row.network), row.account, row.stored, row.counted) for row in old]
    return merge(Flood, old, floods.UPSERT, values)


def shorten_last_uses(before: datetime, step: int) -> int:
    """Shorten the last addresses of some tokens that have not been used since; return how many."""
    old = whole(TokenUse.objects.filter(used_at__lt=before, address__isnull=False), "address", step)
    for use in old:
        use.address = shortened(use.address or "")
    TokenUse.objects.bulk_update(old, ["address"])
    return len(old)


def forget_lines(before: datetime, step: int) -> int:
    """Delete some of the lines that could not be read: an address in them can't be told apart. Return how many."""
    old = SetAsideLine.objects.filter(found_at__lt=before).values_list("pk", flat=True)[:step]
    return SetAsideLine.objects.filter(pk__in=list(old)).delete()[0]


def whole(rows: "QuerySet[Row]", column: str, step: int) -> list[Row]:
    """Return some of the rows whose address is not short yet, locked: a count must not grow while it is moved."""
    short = Q(**{column: ""})
    for ending in ENDINGS:
        short |= Q(**{f"{column}__endswith": ending})
    found = rows.exclude(short).select_for_update().order_by("pk")[:step]
    return [row for row in found if shortened(getattr(row, column)) != getattr(row, column)]


def merge(model: type[Model], old: Sequence[Model], upsert: str, values: Sequence[tuple[Any, ...]]) -> int:
    """Add the values to the rows of the networks, and delete the old rows."""
    if old:
        with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
            cursor.executemany(upsert, sorted(values, key=str))  # in one order, so that two workers can't deadlock
        model._default_manager.filter(pk__in=[row.pk for row in old]).delete()
    return len(old)
