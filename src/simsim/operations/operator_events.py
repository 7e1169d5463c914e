"""Audit events of the operator's acts that change no account."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from simsim.accounts.permissions import OPERATOR
from simsim.audit import recorder
from simsim.audit.events import Event


@transaction.atomic
def record_operator_act(
    event: Event, details: Mapping[str, object], *, account_id: uuid.UUID | None = None, now: datetime
) -> None:
    """Record an act of the operator: in an account's chain if it concerns one, else in the installation's."""
    subject = account_id or ""
    recorder.record(event, actor=OPERATOR, account_id=account_id, subject_id=subject, details=details, now=now)
