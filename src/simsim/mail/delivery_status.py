"""The delivery status of emails, without their contents."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Min, Q, QuerySet

from simsim.mail.message import message_id
from simsim.mail.models import OwedMail
from simsim.mail.outbox import WITHDRAWN, waiting
from simsim.pagination import newest
from simsim.rfc3339 import format_time

LONG_WAIT = timedelta(minutes=15)
RECENT = timedelta(days=3)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


IN_STATE = {
    DeliveryState.WAITING: Q(delivered_at=None, given_up_at=None),
    DeliveryState.DELIVERED: Q(delivered_at__isnull=False),
    DeliveryState.GIVEN_UP: Q(delivered_at=None, given_up_at__isnull=False),
}


@dataclass(frozen=True)
class Trouble:
    """Problems that an operator should look at: emails that have waited too long or were given up."""

    waiting: int
    oldest: datetime | None
    last_error: str
    given_up: int


def state_of(mail: OwedMail) -> DeliveryState:
    """Return the state of an email."""
    if mail.delivered_at is not None:
        return DeliveryState.DELIVERED
    return DeliveryState.WAITING if mail.given_up_at is None else DeliveryState.GIVEN_UP


def is_withdrawn(mail: OwedMail) -> bool:
    """Whether the email was given up because it was no longer true, not because its delivery failed."""
    return state_of(mail) == DeliveryState.GIVEN_UP and mail.last_error.startswith(WITHDRAWN)


def list_mails(
    *, state: DeliveryState | None, limit: int, cursor: str | None = None
) -> tuple[Sequence[OwedMail], str | None]:
    """Return one page of the emails, newest first, and the cursor of the next; raise Invalid for an invalid cursor.

    Only for the operator: it names people of every account.
    """
    found = OwedMail.objects.filter(IN_STATE[state]) if state else OwedMail.objects.all()
    return newest(found.defer("facts"), limit=limit, cursor=cursor)


def mails_about(token_id: uuid.UUID, kinds: Sequence[str]) -> QuerySet[OwedMail]:
    """Return the emails of those kinds about a token, newest first. The caller has checked permission."""
    return OwedMail.objects.filter(token_id=token_id, kind__in=kinds).defer("facts").order_by("-owed_at", "recipient")


def trouble(*, now: datetime) -> Trouble:
    """Return the current problems with delivery."""
    late = waiting().filter(owed_at__lt=now - LONG_WAIT)
    example = late.exclude(last_error="").order_by("-due_at").values_list("last_error", flat=True).first()
    lost = OwedMail.objects.filter(IN_STATE[DeliveryState.GIVEN_UP], given_up_at__gt=now - RECENT)
    return Trouble(
        waiting=late.count(),
        oldest=late.aggregate(oldest=Min("owed_at"))["oldest"],
        last_error=example or "",
        given_up=lost.exclude(last_error__startswith=WITHDRAWN).count(),
    )


def oldest_owed_at() -> datetime | None:
    """Return since when the oldest email has waited, or None if none is waiting."""
    oldest: datetime | None = waiting().aggregate(oldest=Min("owed_at"))["oldest"]
    return oldest


def document(mail: OwedMail) -> dict[str, object]:
    """Return an email as the operator sees it, without its facts: they may contain a link that signs somebody in."""
    return {
        "id": mail.pk,
        "kind": mail.kind,
        "recipient": mail.recipient,
        "state": state_of(mail).value,
        "owed_at": format_time(mail.owed_at),
        "attempts": mail.attempts,
        "next_attempt_at": format_time(mail.due_at) if state_of(mail) == DeliveryState.WAITING else None,
        "last_error": mail.last_error or None,
        "delivered_at": format_time(mail.delivered_at),
        "given_up_at": format_time(mail.given_up_at),
        "account_id": str(mail.account_id) if mail.account_id else None,
        "token_id": str(mail.token_id) if mail.token_id else None,
        "message_id": message_id(mail),
    }
