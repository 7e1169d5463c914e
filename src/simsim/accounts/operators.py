"""The operators of the installation: people who see in the console how it is, but no account that is not theirs.

Only the command line decides who they are, because whoever has it owns the machine.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from simsim.accounts.actions import find_or_create_user, parse_email
from simsim.accounts.models import User
from simsim.accounts.permissions import Actor
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.problem import NotFound, NotPermitted, gettext_noop


def is_operator(user: User) -> bool:
    """Whether the person is an operator of the installation."""
    return user.is_active and user.operator_since is not None


def permit_operator(actor: Actor) -> None:
    """Return if the actor is the command line or an operator; raise NotFound for anybody else.

    Nobody else must learn that the operator's pages exist.
    """
    if actor.user is not None and not is_operator(actor.user):
        raise NotFound


def operators() -> QuerySet[User]:
    """Return the operators, sorted by email. Only for the command line."""
    return User.objects.filter(operator_since__isnull=False).order_by("email")


@transaction.atomic
def add_operator(*, actor: Actor, email: str, password: str | None = None, now: datetime) -> tuple[User, bool]:
    """Make a person an operator; return them, and whether this call did it. A new person gets the password.

    Only the command line may do this. Raises Invalid for an unusable address.
    """
    if not actor.is_operator:
        raise NotPermitted
    user = find_or_create_user(parse_email(email), password, now)
    # The condition is the lock: of two calls at once, one changes the row and records the event.
    if not User.objects.filter(pk=user.pk, operator_since=None).update(operator_since=now):
        user.refresh_from_db()
        return user, False
    user.operator_since = now
    record(Event.OPERATOR_ADDED, actor, user, now)
    return user, True


@transaction.atomic
def remove_operator(*, actor: Actor, email: str, now: datetime) -> User:
    """Take the operator's pages from a person, who keeps their accounts. Only the command line may do this.

    Raises NotFound, with a sentence, if no operator has this address.
    """
    if not actor.is_operator:
        raise NotPermitted
    user = operators().select_for_update().filter(email=parse_email(email)).first()
    if user is None:
        raise NotFound(gettext_noop("No operator has the email address “%(email)s”."), email=email)
    user.operator_since = None
    user.save(update_fields=["operator_since"])
    record(Event.OPERATOR_REMOVED, actor, user, now)
    return user


@transaction.atomic
def retry_mail(*, actor: Actor, mail_id: int, now: datetime) -> OwedMail:
    """Send an email again, even one that was given up. Raises what `outbox.retry` raises, NotFound for a stranger."""
    permit_operator(actor)
    mail = outbox.retry(mail_id, now=now)
    details = {"kind": mail.kind, "recipient": mail.recipient}
    recorder.record(
        Event.MAIL_RETRIED, actor=actor, account_id=mail.account_id, subject_id=str(mail.pk), details=details, now=now
    )
    return mail


def record(event: Event, actor: Actor, user: User, now: datetime) -> None:
    recorder.record(
        event, actor=actor, account_id=None, subject_id=str(user.pk), details={"email": user.email}, now=now
    )
