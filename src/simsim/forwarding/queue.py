"""The queues of shipments to forward: claimed with a lease, released or postponed, and deleted once they arrive."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet

from simsim.audit.models import Shipment as AuditShipment
from simsim.delivery import queue as delivery
from simsim.forwarding import events
from simsim.forwarding.events import ForwardedEvent
from simsim.request_log.models import Shipment as LogShipment

# This is longer than an attempt. Afterwards, the shipments of a killed worker can be claimed again.
LEASE = timedelta(minutes=2)
MAX_SHIPMENTS = 500
MAX_EVENTS = 2000
FIRST_WAIT = timedelta(minutes=1)
MAX_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Queue:
    """The shipments of one kind; `load` returns the events with their ids."""

    kind: str
    model: Any
    load: Callable[[Sequence[int]], list[ForwardedEvent]]

    @property
    def rows(self) -> QuerySet[Any]:
        return self.model.objects.all()  # type: ignore[no-any-return]  # of either model


QUEUES = (Queue("audit", AuditShipment, events.of_audit), Queue("request", LogShipment, events.of_requests))


def claim(queue: Queue, now: datetime) -> list[Any]:
    """Return the oldest due shipments, each to one worker only, until the lease ends."""
    delivery.undo_postponements(queue.rows, longest=MAX_WAIT, now=now)
    due = queue.rows.filter(due_at__lte=now).order_by("due_at", "pk")[:MAX_SHIPMENTS]
    return delivery.claim(due, lease=LEASE, now=now, choose=_first_that_fit)


def _first_that_fit(shipments: Iterable[Any]) -> list[Any]:
    """Return the first shipment, and those after it that together have at most MAX_EVENTS events."""
    taken: list[Any] = []
    size = 0
    for shipment in shipments:
        size += shipment.size
        if taken and size > MAX_EVENTS:
            break
        taken.append(shipment)
    return taken


def release(queue: Queue, claimed: Sequence[Any], why: str) -> None:
    """Put the shipments back at the front: the receiver is unavailable, and the caller waits before it tries again."""
    delivery.of_these_attempts(queue.rows, claimed).update(due_at=F("queued_at"), last_error=why)


def postpone(queue: Queue, claimed: Sequence[Any], why: str, now: datetime) -> None:
    """Postpone shipments that the receiver refused, longer each time, so that others can be sent."""
    attempts = max(shipment.attempts for shipment in claimed)
    wait = delivery.wait_after(attempts, first=FIRST_WAIT, longest=MAX_WAIT)
    delivery.of_these_attempts(queue.rows, claimed).update(due_at=now + wait, last_error=why)


def delete_delivered(queue: Queue, claimed: Sequence[Any]) -> None:
    """Delete shipments that arrived, even after the lease: at worst, another worker sends them twice."""
    queue.rows.filter(pk__in=[shipment.pk for shipment in claimed]).delete()
