"""Events that waited for longer than the log is kept: their shipments are deleted, and the gap is recorded."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Min, Sum

from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, record
from simsim.forwarding.queue import QUEUES, Queue
from simsim.request_log.retention import first_moment_kept
from simsim.rfc3339 import format_time

log = logging.getLogger(__name__)
STEP = 900
SIMSIM = LabelledActor("Simsim")


def delete_outdated(now: datetime, *, days: int) -> int:
    """Delete some shipments that are older than the log keeps rows, and return how many.

    Call this until it returns 0.
    """
    before = first_moment_kept(now, days)
    return sum(_delete_outdated(queue, before, now) for queue in QUEUES)


def _delete_outdated(queue: Queue, before: datetime, now: datetime) -> int:
    old = list(queue.rows.filter(queued_at__lt=before).order_by("queued_at").values_list("pk", flat=True)[:STEP])
    if not old:
        return 0
    rows = queue.rows.filter(pk__in=old)
    found = rows.aggregate(events=Sum("size"), since=Min("queued_at"), until=Max("queued_at"))
    # Record the gap first, because the queue may be in another database: recording it twice is better than not at all.
    record_gap(queue.kind, found["events"], since=found["since"], until=found["until"], now=now)
    return int(rows.delete()[0])


def record_gap(kind: str, lost: int, *, since: datetime, until: datetime, now: datetime) -> None:
    """Record that events never reached the receiver; this audit event is forwarded like any other."""
    log.error(
        "%d events (%s) of %s to %s were never forwarded: the log is not kept that long", lost, kind, since, until
    )
    with transaction.atomic():
        record(
            Event.FORWARDING_GAP,
            actor=SIMSIM,
            account_id=None,
            subject_id="forwarding",
            details={
                "kind": kind,
                "events": lost,
                "queued_since": format_time(since),
                "queued_until": format_time(until),
            },
            now=now,
        )
