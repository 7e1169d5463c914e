"""What changes accounts and people. Each action permits, changes and records in one transaction."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from simsim.accounts.models import Account, Membership, Role, User, normal_email
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recording
from simsim.audit.events import Event
from simsim.problem import AlreadyExists, FieldError, Invalid, LastAdministrator, NotFound, NotPermitted, gettext_noop


@transaction.atomic
def create_account(*, actor: Actor, name: str, now: datetime) -> Account:
    """Create an account; only the operator may. Raises Invalid for an unusable name, AlreadyExists for a taken one."""
    if not actor.is_operator:
        raise NotPermitted
    name = parse_line("name", name)
    try:
        with transaction.atomic():
            account = Account.objects.create(name=name, created_at=now)
    except IntegrityError as error:
        raise AlreadyExists(gettext_noop("There is already an account named “%(name)s”."), name=name) from error
    record(actor, account, Event.ACCOUNT_CREATED, {"name": name}, now)
    return account


@transaction.atomic
def add_user(
    *, actor: Actor, account: Account, email: str, role: str, password: str | None = None, now: datetime
) -> Membership:
    """Add a person to an account, creating the user when the address is new; None as password leaves it unusable.

    Raises Invalid for an unusable address or role, AlreadyExists when the person belongs to the account already. The
    password of a user who exists is never changed here: belonging to one account must not open another.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    membership = join(account, email=email, role=role, password=password, now=now)
    record(actor, account, Event.USER_ADDED, {"email": membership.user.email, "role": role}, now)
    return membership


@transaction.atomic
def change_role(*, actor: Actor, account: Account, user: User, role: str, now: datetime) -> Membership:
    """Promote or demote a user. Raises LastAdministrator rather than leave the account without one."""
    membership = locked_membership(actor, account, user)
    if role not in Role.values:
        raise Invalid(FieldError("role", gettext_noop("The role is either administrator or member.")))
    if membership.role == role:
        return membership
    keep_one_administrator(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(actor, account, Event.ROLE_CHANGED, {"email": user.email, "from": before, "to": role}, now)
    return membership


@transaction.atomic
def remove_user(*, actor: Actor, account: Account, user: User, now: datetime) -> None:
    """Take a user out of the account; their tokens stay, for they are the account's (R2)."""
    membership = locked_membership(actor, account, user)
    keep_one_administrator(membership)
    membership.delete()
    record(actor, account, Event.USER_REMOVED, {"email": user.email, "role": membership.role}, now)


def join(account: Account, *, email: str, role: str, password: str | None, now: datetime) -> Membership:
    """Make the user where there is none, and the membership; whoever calls has permitted it and records it."""
    email = parse_email(email)
    if role not in Role.values:
        raise Invalid(FieldError("role", gettext_noop("The role is either administrator or member.")))
    membership, made = Membership.objects.get_or_create(
        account=account, user=found_or_made(email, password, now), defaults={"role": role, "created_at": now}
    )
    if not made:
        raise AlreadyExists(gettext_noop("%(email)s already belongs to the account."), email=email)
    return membership


def found_or_made(email: str, password: str | None, now: datetime) -> User:
    """Return the user of that address; one who is made here has the password, None as password leaves it unusable."""
    found = User.objects.filter(email=email).first()
    if found is not None:
        return found
    # Two accounts may add the same new person at the same moment: the one that comes second finds the user.
    user, made = User.objects.get_or_create(
        email=email, defaults={"password": make_password(password), "created_at": now}
    )
    if made:
        # The operator or an administrator vouches for the address, so that sign-in finds it verified.
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def locked_membership(actor: Actor, account: Account, user: User) -> Membership:
    """Return the membership, with the account locked until the transaction ends."""
    # Two administrators who demote each other at the same moment would both see two of them: the lock makes one wait.
    # SQLite ignores it, and needs none: its transactions begin IMMEDIATE.
    Account.objects.select_for_update().get(pk=account.pk)
    permit(actor, Permission.MANAGE_PEOPLE, account)
    membership = Membership.objects.select_related("user").filter(account=account, user=user).first()
    if membership is None:
        raise NotFound
    return membership


def keep_one_administrator(leaving: Membership) -> None:
    """Raise LastAdministrator when no other active administrator would remain."""
    if leaving.role != Role.ADMINISTRATOR:
        return
    others = Membership.objects.filter(account_id=leaving.account_id, role=Role.ADMINISTRATOR, user__is_active=True)
    if not others.exclude(pk=leaving.pk).exists():
        raise LastAdministrator(email=leaving.user.email)


def parse_email(text: str) -> str:
    """Return the address in its normal spelling; raise Invalid when it is none."""
    email = normal_email(text)
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid(FieldError("email", gettext_noop("This is not an email address."))) from None
    return email


def record(actor: Actor, account: Account, event: Event, details: dict[str, object], now: datetime) -> None:
    recording.record(
        event=event,
        actor_id=actor.user.pk if actor.user else None,
        actor_label=actor.label,
        account_id=account.pk,
        subject_id=str(account.pk),
        details=details,
        now=now,
    )
