"""Writes events to the audit trail, in the transaction of the change that they record."""

import json
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.db import transaction

from simsim.audit import chain, journal
from simsim.audit.events import MANAGEMENT_TOKEN, Event
from simsim.audit.models import AuditEvent, Shipment
from simsim.audit.origin import current_origin

# One delivery contains a limited number of events.
SHIPMENT_SIZE = 100


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
    """Return an unsaved event, for `record_all`, with those of the details that the event may record."""
    origin = current_origin()
    return AuditEvent(
        at=now,
        event=event.value,
        account_id=account_id,
        actor_id=actor.user_id,
        actor_label=actor.label,
        subject_id=str(subject_id),
        details=plain(event, {**details, **management_token_of(actor)}),
        door=origin.door.value,
        address=origin.address,
        os_user=origin.os_user,
    )


def management_token_of(actor: Recordable) -> dict[str, object]:
    """Return the detail that names the management token through which the actor acts, if there is one."""
    return {MANAGEMENT_TOKEN: actor.management_token} if actor.management_token else {}


def plain(event: Event, details: Mapping[str, object]) -> dict[str, object]:
    """Return the details that the event may record, as they are read back from any database."""
    if unknown := details.keys() - event.details:
        # Only a warning, because an action must not fail for it; in the tests, it is an error.
        warnings.warn(f"{event} may not record {', '.join(sorted(unknown))}: see audit.events", stacklevel=3)
    allowed = {name: value for name, value in details.items() if name in event.details}
    # PostgreSQL may store a fraction in another spelling than SQLite, and the event's MAC would not fit.
    read: dict[str, object] = json.loads(json.dumps(allowed), parse_float=str)
    return read


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
    """Append events to the audit trail, in order, each to the chain of its account.

    Must run inside the transaction of their changes, so that neither exists without the other, and after the changes:
    the ends of the chains stay locked until the transaction ends.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit events recorded outside the transaction of their changes")
    if not events:
        return
    recorded = chain.append(events)
    journal.note(recorded)
    if settings.FORWARD_AUDIT:
        for begin in range(0, len(recorded), SHIPMENT_SIZE):
            part = recorded[begin : begin + SHIPMENT_SIZE]
            Shipment.objects.create(
                ids=[event.pk for event in part], size=len(part), queued_at=part[0].at, due_at=part[0].at
            )
