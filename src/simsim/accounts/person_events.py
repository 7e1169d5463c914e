"""Audit events about a person, which each of their accounts can read."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from simsim.accounts.models import User
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.recorder import Recordable


def record_person_event(
    event: Event, *, actor: Recordable, user: User, details: Mapping[str, object] | None = None, now: datetime
) -> None:
    """Record the event in each of the person's open accounts; without one, among the installation's events.

    Must run inside the transaction of its change, and last: see `recorder.record_all`.
    """
    accounts: list[uuid.UUID | None] = list(
        user.memberships.filter(account__closed_at=None).values_list("account_id", flat=True)
    )
    recorder.record_all(
        [
            recorder.audit_event(
                event, actor=actor, account_id=account_id, subject_id=str(user.pk), details=details or {}, now=now
            )
            for account_id in accounts or [None]
        ]
    )
