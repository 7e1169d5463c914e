"""Actions that change accounts and people. Each checks permission, changes and records in one transaction."""

from datetime import datetime
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from simsim.accounts.models import Account, Membership, Role, User, normal_email
from simsim.accounts.name_keys import name_key, same_named
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.console_sessions.selectors import end_sessions
from simsim.problem import (
    AccountClosed,
    AlreadyExists,
    FieldError,
    Invalid,
    LastAdministrator,
    NotFound,
    NotPermitted,
    gettext_noop,
)

MAX_EMAIL_LENGTH = 254


@transaction.atomic
def create_account(*, actor: Actor, name: str, now: datetime) -> Account:
    """Create an account. Only the operator may do this.

    Raises Invalid for an unusable name, AlreadyExists if another account has the name.
    """
    if not actor.is_operator:
        raise NotPermitted
    account = Account(name=parse_line("name", name), created_at=now)
    save_under_free_name(account)
    record_account_event(actor, account, Event.ACCOUNT_CREATED, {"name": account.name}, now)
    return account


@transaction.atomic
def ensure_account(*, actor: Actor, external_id: str, name: str, now: datetime) -> tuple[Account, bool]:
    """Return the account with this external id, and whether this call created it; an existing account is not changed.

    Raises AlreadyExists if another account has the name, AccountClosed if the account with this id is closed.
    """
    if not actor.is_operator:
        raise NotPermitted
    external_id = parse_line("external_id", external_id)
    name = parse_line("name", name)
    found = Account.objects.filter(external_id=external_id).first()
    if found is None:
        account = Account(name=name, external_id=external_id, created_at=now)
        try:
            save_under_free_name(account)
        except AlreadyExists:
            # A concurrent call created the same account, or another account has the name.
            found = Account.objects.filter(external_id=external_id).first()
            if found is None:
                raise
    if found is None:
        record_account_event(actor, account, Event.ACCOUNT_CREATED, {"name": name, "external_id": external_id}, now)
        return account, True
    if found.closed_at is not None:
        raise AccountClosed(name=found.name)
    return found, False


@transaction.atomic
def rename_account(*, actor: Actor, account: Account, name: str, now: datetime) -> Account:
    """Rename an account, even a closed one; its old name becomes available. The same name changes nothing.

    Only the operator may do this. Raises Invalid for an unusable name, AlreadyExists if another account has the name.
    """
    if not actor.is_operator:
        raise NotPermitted
    name = parse_line("name", name)
    account = Account.objects.select_for_update().get(pk=account.pk)
    before, account.name = account.name, name
    if before != name:
        save_under_free_name(account)
        record_account_event(actor, account, Event.ACCOUNT_RENAMED, {"from": before, "to": name}, now)
    return account


def save_under_free_name(account: Account) -> None:
    """Save an account; raise AlreadyExists if another one has the same name in any equivalent spelling."""
    account.name_key = name_key(account.name)
    taken = AlreadyExists(gettext_noop("There is already an account named “%(name)s”."), name=account.name)
    others = Account.objects.exclude(pk=account.pk).filter(
        Q(name_key__in=[account.name_key, ""]) | Q(name=account.name)
    )
    if same_named(others, account.name) is not None:
        raise taken
    try:
        with transaction.atomic():
            account.save()
    except IntegrityError as error:
        raise taken from error


@transaction.atomic
def add_user(
    *, actor: Actor, account: Account, email: str, role: str, password: str | None = None, now: datetime
) -> Membership:
    """Add a person to an account, and create the user if the address is new; without a password they can't sign in yet.

    Raises Invalid for an unusable address or role, AlreadyExists if the person already belongs to the account. An
    existing user's password never changes here: an administrator of one account must not gain access to another.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    membership = add_membership(account, email=email, role=role, password=password, now=now)
    record_account_event(actor, account, Event.USER_ADDED, {"email": membership.user.email, "role": role}, now)
    return membership


@transaction.atomic
def change_role(*, actor: Actor, account: Account, user: User, role: str, now: datetime) -> Membership:
    """Promote or demote a user. Raises LastAdministrator if the account would have no administrator."""
    membership = locked_membership(actor, account, user)
    if role not in Role.values:
        raise Invalid(FieldError("role", gettext_noop("The role is either administrator or member.")))
    if membership.role == role:
        return membership
    keep_one_administrator(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    end_sessions_of_another(actor, user)
    record_account_event(actor, account, Event.ROLE_CHANGED, {"email": user.email, "from": before, "to": role}, now)
    return membership


@transaction.atomic
def remove_user(*, actor: Actor, account: Account, user: User, now: datetime) -> None:
    """Remove a user from the account. Their tokens stay: they belong to the account (R2)."""
    membership = locked_membership(actor, account, user)
    keep_one_administrator(membership)
    membership.delete()
    end_sessions_of_another(actor, user)
    record_account_event(actor, account, Event.USER_REMOVED, {"email": user.email, "role": membership.role}, now)


def add_membership(account: Account, *, email: str, role: str, password: str | None, now: datetime) -> Membership:
    """Create the membership, and the user if needed. The caller has checked permission and records the event."""
    lock_open(account)
    email = parse_email(email)
    if role not in Role.values:
        raise Invalid(FieldError("role", gettext_noop("The role is either administrator or member.")))
    membership, made = Membership.objects.get_or_create(
        account=account, user=find_or_create_user(email, password, now), defaults={"role": role, "created_at": now}
    )
    if not made:
        raise AlreadyExists(gettext_noop("%(email)s already belongs to the account."), email=email)
    return membership


def find_or_create_user(email: str, password: str | None, now: datetime) -> User:
    """Return the user with this address, or create one.

    A new user gets the password. If it is None, they can't sign in until they choose one.
    """
    # Two accounts may add the same new person at once: the second call finds the user of the first. Only a new user's
    # password is hashed, which takes a moment.
    defaults: dict[str, Any] = {"password": partial(make_password, password), "created_at": now}
    user, made = User.objects.get_or_create(email=email, defaults=defaults)
    if made:
        # The address counts as verified, because the operator or an administrator vouches for it.
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def locked_membership(actor: Actor, account: Account, user: User) -> Membership:
    """Return the membership, with the account locked until the transaction ends."""
    # Without the lock, two administrators who demote each other at once would both find a second administrator.
    lock_open(account)
    permit(actor, Permission.MANAGE_PEOPLE, account)
    membership = Membership.objects.select_related("user").filter(account=account, user=user).first()
    if membership is None:
        raise NotFound
    return membership


def end_sessions_of_another(actor: Actor, user: User) -> None:
    """End a person's sessions, unless they act themselves: they are there, and roles are read on each request."""
    if actor.user != user:
        end_sessions(user.pk)


def keep_one_administrator(leaving: Membership) -> None:
    """Raise LastAdministrator if no other active administrator would remain."""
    if leaving.role != Role.ADMINISTRATOR:
        return
    others = Membership.objects.filter(account_id=leaving.account_id, role=Role.ADMINISTRATOR, user__is_active=True)
    if not others.exclude(pk=leaving.pk).exists():
        raise LastAdministrator(email=leaving.user.email)


def parse_email(text: str) -> str:
    """Return the address in its normal spelling; raise Invalid if the text is not an address."""
    email = normal_email(text)
    wrong = Invalid(FieldError("email", gettext_noop("This is not an email address.")))
    # Django's rule ignores case, so it accepts a dotless ı for an i, and it allows invisible characters in a domain.
    if not email.partition("@")[0].isascii():
        raise wrong
    try:
        validate_email(email)
        return parse_line("email", email, longest=MAX_EMAIL_LENGTH)
    except (ValidationError, Invalid):
        raise wrong from None


def record_account_event(
    actor: Actor, account: Account, event: Event, details: dict[str, object], now: datetime
) -> None:
    recorder.record(event, actor=actor, account_id=account.pk, subject_id=account.pk, details=details, now=now)
