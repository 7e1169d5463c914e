"""Audit events of sign-ins, failed sign-ins and sign-outs."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from simsim.accounts.models import User, normal_email
from simsim.accounts.permissions import actor_of
from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, record
from simsim.console.browser_address import address_of

NOBODY = LabelledActor("unknown")


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    del kwargs
    write(Event.SIGNED_IN, user, request)


@receiver(user_logged_out)
def signed_out(request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    del kwargs
    if user is not None:
        write(Event.SIGNED_OUT, user, request)


@receiver(user_login_failed)
def sign_in_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Record a failure under the person whose email was entered. Any other text may be a password and is not stored."""
    del kwargs
    typed = credentials.get("email") or credentials.get("username") or ""
    write(Event.SIGN_IN_FAILED, User.objects.filter(email=normal_email(str(typed))).first(), request)


def write(event: Event, user: User | None, request: HttpRequest | None) -> None:
    address = address_of(request) if request is not None else None
    with transaction.atomic():
        record(
            event,
            actor=actor_of(user) if user else NOBODY,
            account_id=None,
            subject_id=str(user.pk) if user else NOBODY.label,
            details={"address": address.text if address else None},
            now=timezone.now(),
        )
