"""Writes events to the audit trail, in the transaction of the change that they record."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.db import transaction

from simsim.audit import journal
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Shipment

# One delivery contains a limited number of events.
SHIPMENT_SIZE = 100
STEP = 900


class Recordable(Protocol):
    """An actor as the audit trail stores it: `label` is for people; `user_id` is None if the actor is not a user.

    `management_token` is the id of the management token with which a program acted for them, or None.
    """

    @property
    def label(self) -> str: ...

    @property
    def user_id(self) -> int | None: ...
    @property
    def management_token(self) -> str | None: ...


@dataclass(frozen=True)
class LabelledActor:
    """An actor without a user: Simsim itself, or an unknown person who tried to sign in."""

    label: str
    user_id: int | None = None
    management_token: str | None = None


def audit_event(
    event: Event,
    *,
    actor: Recordable,
    account_id: uuid.UUID | None,
    subject_id: uuid.UUID | str,
    details: Mapping[str, object],
    now: datetime,
) -> AuditEvent:
    """Return an unsaved event, for `record_all`."""
    return AuditEvent(
        at=now,
        event=event,
        account_id=account_id,
        actor_id=actor.user_id,
        actor_label=actor.label,
        subject_id=str(subject_id),
        details={**details, **({"management_token": actor.management_token} if actor.management_token else {})},
    )


def record(
    event: Event,
    *,
    actor: Recordable,
    account_id: uuid.UUID | None,
    subject_id: uuid.UUID | str,
    details: Mapping[str, object],
    now: datetime,
) -> None:
    """Append an event to the audit trail: see `record_all`."""
    record_all(
        [audit_event(event, actor=actor, account_id=account_id, subject_id=subject_id, details=details, now=now)]
    )


def record_all(events: Sequence[AuditEvent]) -> None:
    """Append events to the audit trail, in order.

    Must run inside the transaction of their changes, so that neither exists without the other.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit events recorded outside the transaction of their changes")
    recorded = AuditEvent.objects.bulk_create(events)
    journal.note(recorded)
    if settings.FORWARD_AUDIT:
        for begin in range(0, len(recorded), SHIPMENT_SIZE):
            part = recorded[begin : begin + SHIPMENT_SIZE]
            Shipment.objects.create(
                ids=[event.pk for event in part], size=len(part), queued_at=part[0].at, due_at=part[0].at
            )


def delete_old(before: datetime) -> int:
    """Delete some of the events before that time; return how many: call it until it returns 0.

    The newest event stays, whatever its age: the worker recognises a restored database by it. The oldest events have
    the lowest ids, so only the first few are read: there is no index of the times.
    """
    first = list(AuditEvent.objects.order_by("pk").values_list("pk", "at")[: STEP + 1])
    old = [pk for pk, at in first[:-1] if at < before]
    return AuditEvent.objects.filter(pk__in=old).delete()[0] if old else 0
