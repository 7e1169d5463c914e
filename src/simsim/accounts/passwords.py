"""Changes of the password with which a person signs in."""

from datetime import datetime

from django.db import transaction

from simsim.accounts.models import User
from simsim.accounts.permissions import Actor, actor_of
from simsim.accounts.sign_in_changes import Change, Place, report
from simsim.console_sessions.selectors import end_sessions
from simsim.problem import NotPermitted, PasswordSetMeanwhile


@transaction.atomic
def choose_password(
    *, user: User, password: str, by_link: bool, keep_session: str | None, place: Place, now: datetime
) -> None:
    """Set a person's own password, end their other sessions, and tell them by email.

    Raises PasswordSetMeanwhile if another password has been set since the person's row was read. A link works only
    while the password is unchanged, so the condition is the lock: of several browsers that send one link's form
    concurrently, only one changes the row, and only that one is told that it succeeded.
    """
    before, is_first = user.password, user.last_login is None and not user.has_usable_password()
    user.set_password(password)
    if not User.objects.filter(pk=user.pk, password=before).update(password=user.password):
        raise PasswordSetMeanwhile
    end_sessions(user.pk, keep=keep_session)
    change = Change.PASSWORD_CHOSEN_BY_LINK if by_link else Change.PASSWORD_CHANGED
    # An invited person who has just chosen their first password needs no email about it.
    report(change, actor=actor_of(user), user=user, place=place, tells=not is_first, now=now)


@transaction.atomic
def reset_password(*, actor: Actor, user: User, password: str, now: datetime) -> None:
    """Set a user's password, end their sessions, record the change in each of their accounts, and tell them by email.

    Only the operator may do this: a person may belong to several accounts, and the password gives access to all of
    them.
    """
    if not actor.is_operator:
        raise NotPermitted
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user.pk)
    report(Change.PASSWORD_SET_BY_OPERATOR, actor=actor, user=user, now=now)
