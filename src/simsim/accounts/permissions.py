"""The one question in front of every action: may this actor do this in this account?"""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet

from simsim.accounts.models import Account, Membership, Role, User
from simsim.problem import AccountClosed, NotFound, NotPermitted


class Permission(StrEnum):
    VIEW_ACCOUNT = "view_account"
    VIEW_TOKENS = "view_tokens"
    MANAGE_TOKENS = "manage_tokens"
    VIEW_LOG = "view_log"
    MANAGE_PEOPLE = "manage_people"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.VIEW_ACCOUNT}),
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, or the operator at the command line of the machine (user is None)."""

    label: str
    user: User | None = None

    @property
    def is_operator(self) -> bool:
        return self.user is None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None


OPERATOR = Actor("operator")


def actor_of(user: User) -> Actor:
    """Return the actor that a signed-in user is."""
    return Actor(user.email, user)


def role_of(user: User, account: Account) -> str | None:
    """Return the user's role in the account, read now; None also for a closed account or a user switched off."""
    return (
        Membership.objects.filter(account=account, user=user, user__is_active=True, account__closed_at=None)
        .values_list("role", flat=True)
        .first()
    )


def permit(actor: Actor, permission: Permission, account: Account) -> None:
    """Return when the actor may do it. Raise NotFound to a stranger, who learns nothing, and NotPermitted to a member.

    The operator owns the machine and manages accounts and people; tokens are the customer's, so that even the operator
    creates one only in an administrator's name.
    """
    if actor.user is None:
        if permission in {Permission.MANAGE_TOKENS}:
            raise NotPermitted
        return
    role = role_of(actor.user, account)
    if role is None:
        raise NotFound
    if permission not in GRANTS[role]:
        raise NotPermitted


def lock_open(account: Account) -> Account:
    """Return the account as it is now, locked until the transaction ends; raise AccountClosed for a closed one.

    Whatever gives an account a token, a request or a person comes through here: of it and a closing at the same moment,
    the second sees the first.
    """
    # SQLite ignores the lock, and needs none: its transactions begin IMMEDIATE.
    fresh = Account.objects.select_for_update().get(pk=account.pk)
    if fresh.closed_at is not None:
        raise AccountClosed(name=fresh.name)
    return fresh


def is_permitted(actor: Actor, permission: Permission, account: Account) -> bool:
    """Whether permit() would let it pass: for showing a button, never for deciding."""
    try:
        permit(actor, permission, account)
    except (NotFound, NotPermitted):
        return False
    return True


def administrators(account: Account) -> QuerySet[User]:
    """Return the active administrators of the account, by email."""
    return User.objects.filter(
        is_active=True,
        memberships__account=account,
        memberships__account__closed_at=None,
        memberships__role=Role.ADMINISTRATOR,
    ).order_by("email")
