"""Delivery of due events, at least once: a shipment leaves its queue only after the receiver accepted it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from simsim.delivery.connection import ReceiverRefused, ReceiverUnavailable
from simsim.forwarding import lost_events, syslog, webhook
from simsim.forwarding.events import ForwardedEvent
from simsim.forwarding.queue import QUEUES, Queue, claim, delete_delivered, postpone, release
from simsim.forwarding.receiver import Protocol, Target


def forward_due(target: Target, *, now: datetime) -> int:
    """Send a limited number of due events; return how many the receiver accepted.

    Raises ReceiverUnavailable or ReceiverRefused if a delivery failed: the caller should wait longer after each
    failure.
    """
    taken, failure = 0, None
    for queue in QUEUES:
        try:
            taken += _forward(queue, target, now)
        except (
            ReceiverUnavailable,
            ReceiverRefused,
        ) as error:
            # A failure of one kind must not hold up the other.
            failure = failure or error
    if failure:
        raise failure
    return taken


def _forward(queue: Queue, target: Target, now: datetime) -> int:
    claimed = claim(queue, now)
    if not claimed:
        return 0
    # Send a row once even if it was queued twice: when it was stored and when it was completed.
    ids = list({row_id for shipment in claimed for row_id in shipment.ids})
    events = queue.load(ids)
    try:
        _send(target, claimed, events, now)
    except ReceiverUnavailable as error:
        release(queue, claimed, str(error))
        raise
    except ReceiverRefused as error:
        postpone(queue, claimed, str(error), now)
        raise
    if lost := len(ids) - len(events):
        lost_events.record_gap(queue.kind, lost, since=claimed[0].queued_at, until=claimed[-1].queued_at, now=now)
    delete_delivered(queue, claimed)
    return len(events)


def _send(target: Target, claimed: Sequence[Any], events: Sequence[ForwardedEvent], now: datetime) -> None:
    if not events:
        return
    if target.protocol == Protocol.SYSLOG:
        syslog.send(target, events, origin=settings.BASE.hostname or "")
    else:
        webhook.send(target, "\n".join(str(shipment.delivery_id) for shipment in claimed), events, now)
