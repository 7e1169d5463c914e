"""Keeps in the audit trail who signed in, who tried to, and who signed out."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.utils import timezone

from simsim.accounts.models import User, normal_email
from simsim.audit import recording
from simsim.audit.events import Event

LABEL_MAX = 254


def connect() -> None:
    user_logged_in.connect(keep_signed_in, dispatch_uid="console.signed_in")
    user_login_failed.connect(keep_sign_in_failed, dispatch_uid="console.sign_in_failed")
    user_logged_out.connect(keep_signed_out, dispatch_uid="console.signed_out")


def keep_signed_in(sender: object, user: User, **_: Any) -> None:
    keep(Event.SIGNED_IN, user, user.email)


def keep_signed_out(sender: object, user: User | None = None, **_: Any) -> None:
    if user is not None:
        keep(Event.SIGNED_OUT, user, user.email)


def keep_sign_in_failed(sender: object, credentials: dict[str, Any], **_: Any) -> None:
    # Django has masked the password in `credentials`; of the rest only the address is kept.
    typed = str(credentials.get("email") or credentials.get("username") or "")
    keep(Event.SIGN_IN_FAILED, None, normal_email(typed)[:LABEL_MAX])


@transaction.atomic
def keep(event: Event, user: User | None, label: str) -> None:
    recording.record(
        event=event,
        actor_id=user.pk if user else None,
        actor_label=label,
        account_id=None,
        subject_id=str(user.pk) if user else "",
        details={},
        now=timezone.now(),
    )
