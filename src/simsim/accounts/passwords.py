"""A person's own change of their password."""

from datetime import datetime
from enum import StrEnum

from django.db import transaction

from simsim.accounts.models import User
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.audit.events import Event
from simsim.problem import PasswordSetMeanwhile


class PasswordWay(StrEnum):
    """How a person sets their password: signed in, or with a link from an email."""

    SIGNED_IN = "signed_in"
    LINK = "link"


@transaction.atomic
def change_password(*, user: User, password: str, way: PasswordWay, now: datetime) -> None:
    """Set the person's password; raise PasswordSetMeanwhile if it was set since the person's row was read.

    A link works only while the password is unchanged, so the condition is the lock: of several browsers that send one
    link's form concurrently, only one changes the row, and only that one is told that it succeeded.
    """
    before = user.password
    user.set_password(password)
    if not User.objects.filter(pk=user.pk, password=before).update(password=user.password):
        raise PasswordSetMeanwhile
    details = {"email": user.email, "way": way.value}
    record_person_event(Event.USER_PASSWORD_CHANGED, actor=actor_of(user), user=user, details=details, now=now)
