"""Audit events and emails for each second factor that a person adds or removes, in the transaction of the change."""

from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from simsim.accounts.models import User
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.accounts.sign_in_changes import Change, report
from simsim.audit.events import Event
from simsim.console.security.places import place_of

ADDED = {
    Authenticator.Type.TOTP: Change.APP_ADDED,
    Authenticator.Type.WEBAUTHN: Change.PASSKEY_ADDED,
    Authenticator.Type.RECOVERY_CODES: Change.RECOVERY_CODES_CREATED,
}
# Recovery codes disappear with the last second factor, or when new ones replace them: both are reported.
REMOVED = {Authenticator.Type.TOTP: Change.APP_REMOVED, Authenticator.Type.WEBAUTHN: Change.PASSKEY_REMOVED}


@receiver(post_save, sender=Authenticator)
def stored(instance: Authenticator, created: bool, **kwargs: Any) -> None:
    del kwargs
    if created and context.request is not None:
        note(ADDED[instance.type], instance, context.request)


@receiver(post_delete, sender=Authenticator)
def deleted(instance: Authenticator, **kwargs: Any) -> None:
    """Report a removal in the console; the operator's reset reports itself."""
    del kwargs
    if instance.type in REMOVED and context.request is not None:
        note(REMOVED[instance.type], instance, context.request)


def note(change: Change, authenticator: Authenticator, request: HttpRequest) -> None:
    user = authenticator.user
    # The first app or passkey brings recovery codes along, and one email says enough.
    comes_along = change == Change.RECOVERY_CODES_CREATED and not request.path.endswith("/recovery-codes/new/")
    with transaction.atomic():
        report(
            change,
            actor=actor_of(user),
            user=user,
            place=place_of(request),
            name=str(authenticator.data.get("name", "")),
            tells=not comes_along,
            now=timezone.now(),
        )


@receiver(authentication_failed)
def code_was_wrong(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Record a wrong code: whoever enters one has already entered the password, or sits at an open browser."""
    del kwargs
    details = {"method": authenticator.type}
    with transaction.atomic():
        record_person_event(Event.SIGN_IN_FAILED, actor=actor_of(user), user=user, details=details, now=timezone.now())
