"""Owing a mail, and paying it."""

import logging
import smtplib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from simsim.mail.models import OwedMail
from simsim.mail.rendering import message, message_id, reply_to

__all__ = ["claim", "deliver_due", "message", "message_id", "owe", "postpone", "reply_to"]
log = logging.getLogger(__name__)
LEASE = timedelta(minutes=5)
PATIENCE = timedelta(days=3)
LONGEST_WAIT = timedelta(hours=6)
BATCH = 20
# What a fact may hold that lets somebody in: a link to choose a password. It rests here only while it is needed.
SECRET_FACTS = {"ready_made": {"text", "html"}, "invited": {"link"}}


def owe(*, kind: str, recipient: str, dedupe: str, facts: Mapping[str, object], now: datetime) -> bool:
    """Owe a mail and return True; owing it again under the same `dedupe` changes nothing and returns False.

    Must run in the transaction of its cause.
    """
    _, is_new = OwedMail.objects.get_or_create(
        dedupe=dedupe,
        defaults={"kind": kind, "recipient": recipient, "facts": dict(facts), "owed_at": now, "due_at": now},
    )
    return is_new


def deliver_due(*, now: datetime) -> int:
    """Hand what is due to the mail server and return how many it took. A mail that fails waits, and delays no other."""
    delivered = 0
    for mail in claim(now):
        try:
            # Each mail has its own connection: one refused recipient must not take the others' session down.
            message(mail).send()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            postpone(mail, error, now)
        else:
            OwedMail.objects.filter(pk=mail.pk).update(delivered_at=now, last_error="", facts=without_secrets(mail))
            delivered += 1
    return delivered


def claim(now: datetime) -> list[OwedMail]:
    """Return what is due, each row to one worker alone, for as long as the lease lasts."""
    with transaction.atomic():
        waiting = OwedMail.objects.filter(delivered_at=None, given_up_at=None, due_at__lte=now)
        rows: Iterable[OwedMail] = waiting.select_for_update(skip_locked=True).order_by("due_at", "pk")[:BATCH]
        claimed = list(rows)
        OwedMail.objects.filter(pk__in=[mail.pk for mail in claimed]).update(
            due_at=now + LEASE, attempts=F("attempts") + 1
        )
    for mail in claimed:
        mail.attempts += 1
    return claimed


def postpone(mail: OwedMail, error: Exception, now: datetime) -> None:
    """Try again after a wait that doubles, and give up after three days: then the row says so."""
    wait = min(timedelta(seconds=15 * 2 ** min(mail.attempts - 1, 20)), LONGEST_WAIT)
    given_up = now if now + wait > mail.owed_at + PATIENCE else None
    OwedMail.objects.filter(pk=mail.pk).update(
        due_at=now + wait,
        last_error=f"{type(error).__name__}: {error}"[:500],
        given_up_at=given_up,
        facts=without_secrets(mail) if given_up else mail.facts,
    )
    log.warning("mail %s (%s) was not taken: %s", mail.pk, mail.kind, type(error).__name__)


def without_secrets(mail: OwedMail) -> dict[str, object]:
    """Return the facts that stay when the mail has gone: a backup of the outbox must not let anybody in."""
    secret = SECRET_FACTS.get(mail.kind, set())
    return {name: fact for name, fact in mail.facts.items() if name not in secret}
