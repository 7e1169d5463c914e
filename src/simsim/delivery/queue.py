"""The steps of every queue: claim with a lease, keep the results of the latest attempt only, retry later, give up."""

import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet

from simsim.delivery.rows import IS_WAITING, OwedRow, QueuedRow

# Times further in the future were written by a wrong clock; two machines' clocks differ by less.
AHEAD = timedelta(minutes=5)
AT_ONCE = 900  # SQLite takes 999 values in a statement if it was built with its old limit
Row = TypeVar("Row", bound=QueuedRow)
Owed = TypeVar("Owed", bound=OwedRow)


def claim(
    due: "QuerySet[Row]",
    *,
    lease: timedelta,
    now: datetime,
    choose: Callable[[Iterable[Row]], list[Row]] = list,
    **marks: object,
) -> list[Row]:
    """Return rows of `due`, an ordered and limited query; until the lease ends, no other worker gets them.

    `choose` may return only some of the rows that it is given. `marks` are further columns to set.
    """
    # Check this first: an empty queue must not take SQLite's only write lock every second.
    if not due.exists():
        return []
    with transaction.atomic(using=due.db):
        claimed = choose(due.select_for_update(skip_locked=True, of=("self",)))
        rows = due.model._default_manager.using(due.db).filter(pk__in=[row.pk for row in claimed])
        rows.update(due_at=now + lease, attempts=F("attempts") + 1, **marks)
    for row in claimed:
        row.attempts += 1
    return claimed


def of_these_attempts(rows: "QuerySet[Row]", claimed: Sequence[Row]) -> "QuerySet[Row]":
    """Return the rows that no other worker has claimed since: after a lease, another one may have."""
    by_attempt: dict[int, list[Any]] = {}
    for row in claimed:
        by_attempt.setdefault(row.attempts, []).append(row.pk)
    same = (Q(attempts=attempts, pk__in=ids) for attempts, ids in by_attempt.items())
    return rows.filter(reduce(operator.or_, same, Q(pk__in=[])))


def wait_after(attempts: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return how long to wait after that many failed attempts: it doubles each time."""
    return min(first * 2.0 ** min(max(attempts, 1) - 1, 20), longest)


def undo_postponements(rows: "QuerySet[Row]", *, longest: timedelta, now: datetime, **marks: object) -> None:
    """Make due again what was postponed while the clock was ahead. Writes only if there are any."""
    late = rows.filter(due_at__gt=now + longest + AHEAD)
    if late.exists():
        late.update(due_at=now, **marks)


def waiting(rows: "QuerySet[Owed]") -> "QuerySet[Owed]":
    """Return the rows that are neither delivered nor given up."""
    return rows.filter(IS_WAITING)


def in_flight(rows: "QuerySet[Owed]", now: datetime, *, lease: timedelta) -> "QuerySet[Owed]":
    """Return the rows that a worker is sending now. Leases that a wrong clock wrote do not count."""
    return rows.filter(lease_ends_at__gt=now, lease_ends_at__lte=now + lease + AHEAD)


def delete_finished(rows: "QuerySet[Owed]", before: datetime) -> int:
    """Delete some rows that were queued before then and no longer wait; return how many: call it until it returns 0.

    The oldest rows have the lowest ids, so only the first few ids are read: there is no index of the times.
    """
    first = rows.order_by("pk").values_list("pk", "owed_at", "delivered_at", "given_up_at")[:AT_ONCE]
    old = [pk for pk, owed_at, delivered_at, given_up_at in first if owed_at < before and (delivered_at or given_up_at)]
    return rows.filter(pk__in=old).delete()[0] if old else 0
