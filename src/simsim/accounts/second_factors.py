"""Second factors: who has one, which accounts require one of their administrators, and the operator's way out."""

from collections.abc import Collection
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import transaction

from simsim.accounts import single_sign_on
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import Actor, Permission, administrators, lock_open, permit
from simsim.accounts.sign_in_changes import Change, report
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.console_sessions.selectors import end_sessions
from simsim.problem import NotPermitted

# Recovery codes replace a second factor once, but are none.
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user: User) -> bool:
    """Whether signing in with the password needs a second step, or a passkey takes the password's place."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=SECOND_FACTORS).exists())


def with_second_factor(users: Collection[User]) -> set[int]:
    """Return the ids of those who have a second factor."""
    found = Authenticator.objects.filter(user__in=users, type__in=SECOND_FACTORS)
    return set(found.values_list("user_id", flat=True))


def is_needed(user: User) -> bool:
    """Whether an account that the person administers requires a second factor."""
    return Membership.objects.filter(
        user=user, role=Role.ADMINISTRATOR, account__needs_second_factor=True, account__closed_at=None
    ).exists()


def is_missing(membership: Membership, user: User, *, now: datetime) -> bool:
    """Whether the account requires a second factor of this person, who has none.

    With single sign-on, the provider decides what its people have to prove.
    """
    is_administrator = membership.role == Role.ADMINISTRATOR and membership.account.needs_second_factor
    return is_administrator and not single_sign_on.is_required(membership, now=now) and not has_second_factor(user)


def administrators_without(account: Account, *, actor: Actor) -> list[User]:
    """Return the account's administrators who have no second factor, sorted by email."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    found = list(administrators(account))
    known = with_second_factor(found)
    return [user for user in found if user.pk not in known]


@transaction.atomic
def require_second_factor(*, actor: Actor, account: Account, required: bool, now: datetime) -> Account:
    """Require a second factor of the account's administrators, or no longer; the same choice changes nothing.

    An administrator without one can do nothing in the account until they have added one.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    account = lock_open(account)
    if account.needs_second_factor != required:
        account.needs_second_factor = required
        account.save(update_fields=["needs_second_factor"])
        recorder.record(
            Event.SECOND_FACTOR_POLICY_CHANGED,
            actor=actor,
            account_id=account.pk,
            subject_id=account.pk,
            details={"required": required},
            now=now,
        )
    return account


@transaction.atomic
def reset_second_factors(*, actor: Actor, user: User, now: datetime) -> int:
    """Remove a person's app, passkeys and recovery codes, and end their sessions; return how many were removed.

    Only the operator may do this, for a person who has lost them. It is recorded in each of their accounts, and the
    person is told by email. If they had none, nothing changes.
    """
    if not actor.is_operator:
        raise NotPermitted
    found = Authenticator.objects.filter(user_id=user.pk)
    removed = int(found.count())
    if removed:
        found.delete()
        end_sessions(user.pk)
        report(Change.SECOND_FACTOR_RESET, actor=actor, user=user, now=now)
    return removed
