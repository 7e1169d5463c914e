"""Audit events of sign-ins, failed sign-ins and sign-outs."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from simsim.accounts.models import User, normal_email
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, record

NOBODY = LabelledActor("unknown")


@receiver(user_logged_in)
def signed_in(user: User, **kwargs: Any) -> None:
    del kwargs
    write(Event.SIGNED_IN, user)


@receiver(user_logged_out)
def signed_out(user: User | None, **kwargs: Any) -> None:
    del kwargs
    if user is not None:
        write(Event.SIGNED_OUT, user)


@receiver(user_login_failed)
def sign_in_failed(credentials: Mapping[str, Any], **kwargs: Any) -> None:
    """Record a failure under the person whose email was entered. Any other text may be a password and is not stored."""
    del kwargs
    typed = credentials.get("email") or credentials.get("username") or ""
    write(Event.SIGN_IN_FAILED, User.objects.filter(email=normal_email(str(typed))).first())


def write(event: Event, user: User | None) -> None:
    now = timezone.now()
    with transaction.atomic():
        if user is not None:
            record_person_event(event, actor=actor_of(user), user=user, now=now)
        else:
            record(event, actor=NOBODY, account_id=None, subject_id=NOBODY.label, details={}, now=now)
