"""The outbox: emails are queued in the transaction of the change that they report, and delivered later."""

import logging
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from simsim.delivery import queue
from simsim.delivery.queue import AHEAD, AT_ONCE
from simsim.mail import transport
from simsim.mail.message import EXPIRED_BEFORE, Untrue, Unwritable, message
from simsim.mail.models import SECRET_FACTS, OwedMail
from simsim.problem import Conflict, NotFound, gettext_noop

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=5)
PATIENCE = timedelta(days=3)
FIRST_WAIT = timedelta(seconds=15)
MAX_WAIT = timedelta(hours=6)
# The longest delay that a failed email causes for others to the same recipient, so that they don't all fail too.
MAX_PUSH = timedelta(minutes=15)
# A round is short, so that its `now` stays accurate enough: leases begin at that time.
TURN_SECONDS = 10.0
WITHDRAWN = "withdrawn: "


@dataclass(frozen=True)
class Mail:
    """An email to queue: `dedupe` names kind, subject, recipient and occasion; `facts` fill its templates."""

    kind: str
    recipient: str
    dedupe: str
    facts: Mapping[str, object] = field(repr=False)
    account_id: uuid.UUID | None = None
    token_id: uuid.UUID | None = None

    def row(self, now: datetime) -> OwedMail:
        """Return the email's row for the outbox."""
        return OwedMail(**vars(self) | {"facts": dict(self.facts)}, owed_at=now, due_at=now)


def owe(
    *,
    kind: str,
    recipient: str,
    dedupe: str,
    facts: Mapping[str, object],
    account_id: uuid.UUID | None = None,
    token_id: uuid.UUID | None = None,
    now: datetime,
) -> bool:
    """Queue an email and return True; return False, and change nothing, if one with the same `dedupe` exists.

    Call it in the transaction of the change that the email reports.
    """
    about = {"kind": kind, "recipient": recipient, "account_id": account_id, "token_id": token_id}
    _, is_new = OwedMail.objects.get_or_create(
        dedupe=dedupe, defaults={**about, "facts": dict(facts), "owed_at": now, "due_at": now}
    )
    return is_new


def owe_all(mails: Iterable[Mail], *, now: datetime) -> None:
    """Queue the emails that are not in the outbox yet, in one statement. Call it in the transaction of the change."""
    OwedMail.objects.bulk_create([mail.row(now) for mail in mails], ignore_conflicts=True)


def withdraw(*, kind: str, token_ids: Collection[uuid.UUID], why: str, now: datetime) -> None:
    """Give up the waiting emails of that kind about those tokens, because they are no longer true."""
    waiting().filter(kind=kind, token_id__in=token_ids).update(given_up_at=now, last_error=WITHDRAWN + why)


def withdraw_all(*, account_id: uuid.UUID, why: str, now: datetime) -> None:
    """Give up all waiting emails about the account, including links to sign in: nobody may receive them any more."""
    withdraw_mails(waiting().filter(account_id=account_id), why, now)


def withdraw_to(recipient: str, *, why: str, now: datetime) -> None:
    """Give up all waiting emails to the address."""
    withdraw_mails(waiting().filter(recipient=recipient), why, now)


def withdraw_mails(owed: QuerySet[OwedMail], why: str, now: datetime) -> None:
    for mail in owed.filter(kind__in=SECRET_FACTS):
        owed.filter(pk=mail.pk).update(facts=without_secrets(mail))
    owed.update(given_up_at=now, last_error=WITHDRAWN + why)


def retry(mail_id: int, *, now: datetime) -> OwedMail:
    """Make a waiting or given-up email due now, with three more days of attempts.

    Raises NotFound, and Conflict for an email that was delivered, is no longer true, or has lost its link.
    """
    with transaction.atomic():
        mail = OwedMail.objects.select_for_update().filter(pk=mail_id).first()
        if mail is None:
            raise NotFound(gettext_noop("There is no email with the id %(id)s."), id=str(mail_id))
        if mail.delivered_at is not None:
            raise Conflict(gettext_noop("The email %(id)s was delivered."), id=str(mail_id))
        if mail.last_error.startswith(WITHDRAWN):
            raise Conflict(gettext_noop("The email %(id)s was withdrawn: it is no longer true."), id=str(mail_id))
        if mail.given_up_at is not None and mail.kind in SECRET_FACTS:
            text = gettext_noop(
                "The link in email %(id)s was deleted when the email was given up. Request a new email."
            )
            raise Conflict(text, id=str(mail_id))
        mail.given_up_at, mail.due_at, mail.tried_until = None, now, now + PATIENCE
        mail.save(update_fields=["given_up_at", "due_at", "tried_until"])
    return mail


def can_be_retried(mail: OwedMail) -> bool:
    """Whether `retry` would accept this email. Use it to show or hide a button, never to decide whether to act."""
    has_link = mail.given_up_at is None or mail.kind not in SECRET_FACTS
    return mail.delivered_at is None and has_link and not mail.last_error.startswith(WITHDRAWN)


def owed_since(since: datetime, *, kind: str) -> QuerySet[OwedMail]:
    """Return the emails of a kind that were queued since then, in any state."""
    return OwedMail.objects.filter(kind=kind, owed_at__gte=since)


def owed_ahead(now: datetime, *, kinds: Collection[str]) -> QuerySet[OwedMail]:
    """Return the emails of those kinds that a wrong clock queued for a time in the future."""
    return OwedMail.objects.filter(kind__in=kinds, owed_at__gt=now + AHEAD)


def disown(mails: QuerySet[OwedMail], *, why: str, now: datetime) -> None:
    """Withdraw the waiting emails, and free the `dedupe` names of all, so that each email can be queued again."""
    ids = list(mails.values_list("pk", flat=True))
    for first in range(0, len(ids), AT_ONCE):
        some = OwedMail.objects.filter(pk__in=ids[first : first + AT_ONCE])
        some.filter(delivered_at=None, given_up_at=None).update(given_up_at=now, last_error=WITHDRAWN + why)
        some.update(dedupe=Concat("dedupe", Value(":ahead:"), Cast("pk", CharField())), owed_at=now)


def waiting() -> QuerySet[OwedMail]:
    """Return the emails that are neither delivered nor given up."""
    return queue.waiting(OwedMail.objects.all())


def deliver_due(*, now: datetime) -> int:
    """Send the due emails; return the number accepted. A failed email does not delay emails to others.

    Concurrent callers share the work. A round ends after some seconds, so that `now` stays accurate enough.
    """
    undo_postponements(now)
    delivered, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends and (claimed := claim(now)):
        delivered += deliver(claimed[0], now)
    return delivered


def undo_postponements(now: datetime) -> None:
    """Make emails due now that were postponed or given up while the clock was ahead. Writes only if there are any."""
    queue.undo_postponements(waiting(), longest=MAX_WAIT, now=now, lease_ends_at=None)
    untrue = Q(last_error__startswith=WITHDRAWN) & ~Q(last_error=WITHDRAWN + EXPIRED_BEFORE)
    lost = OwedMail.objects.filter(delivered_at=None, given_up_at__gt=now + AHEAD).exclude(untrue)
    # Emails of these kinds no longer have their links.
    lost = lost.exclude(kind__in=SECRET_FACTS)
    if lost.exists():
        lost.update(given_up_at=None, due_at=now, lease_ends_at=None, tried_until=now + PATIENCE, last_error="")


def deliver(mail: OwedMail, now: datetime) -> bool:
    """Make one attempt, and return whether the mail server accepted the email."""
    try:
        sent = message(mail, now)
    except Untrue as error:
        of_this_attempt(mail).update(given_up_at=now, lease_ends_at=None, last_error=f"{WITHDRAWN}{error}")
        return False
    except Exception as error:  # a missing or broken template must affect only this email
        postpone(mail, error, now, is_final=isinstance(error, Unwritable))
        return False
    try:
        # Use one session for each email: a refused recipient must not affect the others.
        with transport.session() as connection:
            if not is_ours(mail):
                return False
            connection.send_messages([sent])
            # Record the delivery before QUIT, and even if the lease has ended, because the server has accepted the
            # email.
            of_this_attempt(mail).update(
                delivered_at=now, given_up_at=None, lease_ends_at=None, last_error="", facts=without_secrets(mail)
            )
    except DatabaseError:
        raise
    except Exception as error:  # whatever fails on the server or in TLS, the email stays in the outbox
        postpone(mail, error, now, is_final=transport.is_final(error))
        return False
    return True


def claim(now: datetime, most: int = 1) -> list[OwedMail]:
    """Return due emails; until the lease ends, no other worker gets them.

    One email per recipient at a time: a server that hangs blocks one worker, not all of them.
    """
    in_flight = queue.in_flight(OwedMail.objects.filter(recipient=OuterRef("recipient")), now, lease=LEASE)
    due = waiting().filter(due_at__lte=now).exclude(Exists(in_flight)).order_by("due_at", "pk")
    return queue.claim(due[:most], lease=LEASE, now=now, lease_ends_at=now + LEASE)


def of_this_attempt(mail: OwedMail) -> QuerySet[OwedMail]:
    """Return the row if this attempt is the latest: after its lease, another worker may have claimed the row."""
    return queue.of_these_attempts(OwedMail.objects.all(), [mail])


def is_ours(mail: OwedMail) -> bool:
    """Whether this attempt may still send the email; call it once the session is open, just before sending."""
    return queue.waiting(of_this_attempt(mail)).exists()


def postpone(mail: OwedMail, error: Exception, now: datetime, *, is_final: bool = False) -> None:
    """Try again after a wait that doubles; give up after three days, or at once for a final error."""
    wait = queue.wait_after(mail.attempts, first=FIRST_WAIT, longest=MAX_WAIT)
    last = mail.tried_until or mail.owed_at + PATIENCE
    given_up = now if is_final or now + wait > last else None
    queue.waiting(of_this_attempt(mail)).update(
        due_at=now + wait,
        lease_ends_at=None,
        last_error=transport.describe_error(error),
        given_up_at=given_up,
        # Store the facts only when giving up: otherwise another worker may have sent the email and removed the secrets.
        **({"facts": without_secrets(mail)} if given_up else {}),
    )
    if not given_up:
        pushed = now + min(wait, MAX_PUSH)
        waiting().filter(recipient=mail.recipient, due_at__lte=now).update(due_at=pushed)
    log.warning("email %s (%s) was not accepted: %s", mail.pk, mail.kind, type(error).__name__)


def without_secrets(mail: OwedMail) -> dict[str, object]:
    """Return the facts to keep after sending, without secrets: nobody may sign in with a backup of the outbox."""
    secret = SECRET_FACTS.get(mail.kind, set())
    return {name: fact for name, fact in mail.facts.items() if name not in secret}


def delete_finished(before: datetime) -> int:
    """Delete some emails that were queued before then and no longer wait; see `queue.delete_finished`."""
    return queue.delete_finished(OwedMail.objects.all(), before)
