"""Audit events of sign-ins, failed sign-ins and sign-outs."""

from collections.abc import Mapping
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from simsim.accounts.models import User, normal_email
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.accounts.recent_authentication import AT_PROVIDER
from simsim.accounts.sign_in_changes import tell
from simsim.audit.events import Event
from simsim.audit.recorder import LabelledActor, record
from simsim.console.security import known_browsers
from simsim.console.security.places import place_of
from simsim.console_sessions.store import PLACE, SIGNED_IN_AT

NOBODY = LabelledActor("unknown")


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    del kwargs
    write(Event.SIGNED_IN, user, methods=methods_of(request, user) if request else [])
    if request is not None:
        arrive(request, user)


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


def sign_in_failed_at_provider(user: User | None, reason: str) -> None:
    """Record a failed sign-in or confirmation at the OpenID Connect provider, under the person if they are known."""
    write(Event.SIGN_IN_FAILED, user, method=AT_PROVIDER, reason=reason)


def methods_of(request: HttpRequest, user: User) -> list[str]:
    """Return how the person proved who they are, such as password and totp."""
    return [str(proof.get("type") or proof["method"]) for proof in get_authentication_records(request, user)]


def arrive(request: HttpRequest, user: User) -> None:
    """Store where the session was opened, and tell the person if they never used this browser before."""
    place, now = place_of(request), timezone.now()
    request.session[SIGNED_IN_AT] = now.timestamp()
    request.session[PLACE] = {"address": place.address, "browser": place.browser}
    # An invited person knows that they have just signed in for the first time.
    if not getattr(request, "is_first_sign_in", False) and not known_browsers.is_known(request, user.pk):
        with transaction.atomic():
            tell(user, "signed_in_elsewhere", {}, place=place, now=now)
    vars(request)["has_signed_in"] = user.pk  # `session_use` lets the browser remember


def write(event: Event, user: User | None, **details: object) -> None:
    now = timezone.now()
    with transaction.atomic():
        if user is not None:
            record_person_event(event, actor=actor_of(user), user=user, details=details, now=now)
        else:
            record(event, actor=NOBODY, account_id=None, subject_id=NOBODY.label, details=details, now=now)
