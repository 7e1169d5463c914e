"""Writes the trail."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Shipment

# A delivery carries a bounded number of events.
SHIPMENT_SIZE = 100


def record(
    *,
    event: Event,
    actor_id: int | None,
    actor_label: str,
    account_id: uuid.UUID | None,
    subject_id: str,
    details: Mapping[str, object],
    now: datetime,
) -> None:
    """Append an event. Must run inside the transaction of the change, so that neither exists without the other."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record outside the transaction of its change")
    recorded = AuditEvent.objects.create(
        at=now,
        event=event,
        account_id=account_id,
        actor_id=actor_id,
        actor_label=actor_label,
        subject_id=subject_id,
        details=dict(details),
    )
    if settings.FORWARD_AUDIT:
        Shipment.objects.create(ids=[recorded.pk], size=1, queued_at=now, due_at=now)


def record_all(events: Sequence[AuditEvent]) -> None:
    """Append many events at once, in their order; inside the transaction of their changes, as `record`."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record_all outside the transaction of its changes")
    recorded = AuditEvent.objects.bulk_create(events)
    if settings.FORWARD_AUDIT:
        for begin in range(0, len(recorded), SHIPMENT_SIZE):
            part = recorded[begin : begin + SHIPMENT_SIZE]
            Shipment.objects.create(
                ids=[event.pk for event in part], size=len(part), queued_at=part[0].at, due_at=part[0].at
            )


def record_in_each(
    account_ids: Sequence[uuid.UUID],
    *,
    event: Event,
    actor_id: int | None,
    actor_label: str,
    subject_id: str,
    details: Mapping[str, object],
    now: datetime,
) -> None:
    """Append what concerns several accounts to the trail of each; without an account, to the operator's."""
    trails: Sequence[uuid.UUID | None] = account_ids or [None]
    for account_id in trails:
        record(
            event=event,
            actor_id=actor_id,
            actor_label=actor_label,
            account_id=account_id,
            subject_id=subject_id,
            details=details,
            now=now,
        )
