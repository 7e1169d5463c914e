"""The check that every action makes first: may this actor do this in this account?"""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from django.db.models import QuerySet

from simsim.accounts.models import Account, Membership, PortalRole, Role, User
from simsim.problem import AccountClosed, NotFound, NotPermitted


class Permission(StrEnum):
    VIEW_ACCOUNT = "view_account"
    VIEW_TOKENS = "view_tokens"
    MANAGE_TOKENS = "manage_tokens"
    VIEW_LOG = "view_log"
    VIEW_TRAIL = "view_trail"
    MANAGE_PEOPLE = "manage_people"
    VIEW_WEBHOOKS = "view_webhooks"
    MANAGE_WEBHOOKS = "manage_webhooks"


READS = frozenset(
    {
        Permission.VIEW_ACCOUNT,
        Permission.VIEW_TOKENS,
        Permission.VIEW_LOG,
        Permission.VIEW_TRAIL,
    }
)
# The operator's product knows who belongs to its customers, so people who come from there manage no people here.
PORTAL_GRANTS: dict[str, frozenset[Permission]] = {
    PortalRole.ADMINISTRATOR: frozenset(Permission) - {Permission.MANAGE_PEOPLE},
    PortalRole.MEMBER: frozenset({Permission.VIEW_ACCOUNT}),
    PortalRole.READER: READS,
}
OPERATOR_GRANTS = frozenset(Permission) - {Permission.MANAGE_TOKENS, Permission.MANAGE_WEBHOOKS}
GRANTS: dict[str, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.VIEW_ACCOUNT}),
}


@dataclass(frozen=True)
class PortalGrant:
    """What a session from the operator's product may do: this role, in this account only."""

    account_id: uuid.UUID
    role: str


@dataclass(frozen=True)
class Actor:
    """The person who performs an action: a user, or the operator (`user` is None).

    `management_token` is the id of the management token with which a program acts for them, or None. `portal` is set if
    they came from the operator's product: then it decides, and not their memberships.
    """

    label: str
    user: User | None = None
    management_token: str | None = None
    portal: PortalGrant | None = None

    @property
    def is_operator(self) -> bool:
        return self.user is None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None


OPERATOR = Actor("operator")


def actor_of(user: User) -> Actor:
    """Return the actor for a signed-in user."""
    return Actor(user.email, user)


def role_of(user: User, account: Account) -> str | None:
    """Return the user's current role in the account; None also for a closed account or a disabled user."""
    found = _roles().filter(account_id=account.pk, user_id=user.pk)[:1]
    return next(iter(found), None)


@cache
def _roles() -> QuerySet[Membership, str]:
    """Return the roles that count, as a query: building its joins anew for each request would take half of its time."""
    return Membership.objects.filter(user__is_active=True, account__closed_at=None).values_list("role", flat=True)


def permit(actor: Actor, permission: Permission, account: Account) -> None:
    """Return if the actor has the permission; raise NotFound for a stranger, NotPermitted for anybody else.

    A stranger must not learn whether the account exists.

    The operator owns the machine and manages accounts and people. Tokens and webhooks belong to the customer: even the
    operator creates them only on behalf of an administrator.
    """
    if permission not in granted(actor, account):
        raise NotPermitted


def granted(actor: Actor, account: Account) -> frozenset[Permission]:
    """Return what the actor may do in the account; raise NotFound for a stranger."""
    user = actor.user
    if user is None:
        return OPERATOR_GRANTS
    if actor.portal is None:
        role = role_of(user, account)
        if role is None:
            raise NotFound
        return GRANTS[role]
    is_open = Account.objects.filter(pk=account.pk, closed_at=None).exists()
    if actor.portal.account_id != account.pk or not is_open or not user.is_active:
        raise NotFound
    return PORTAL_GRANTS[actor.portal.role]


def lock_open(account: Account) -> Account:
    """Return the account, freshly read and locked until the transaction ends; raise AccountClosed if it is closed.

    Every action that gives an account a token, a request or a person locks it here, so that closing the account at the
    same moment either waits for the action or makes it fail.
    """
    # SQLite ignores this lock but does not need it, because its transactions start with BEGIN IMMEDIATE.
    fresh = Account.objects.select_for_update().get(pk=account.pk)
    if fresh.closed_at is not None:
        raise AccountClosed(name=fresh.name)
    return fresh


def is_permitted(actor: Actor, permission: Permission, account: Account) -> bool:
    """Whether permit() would return. Use it to show or hide a button, never to decide whether to act."""
    try:
        permit(actor, permission, account)
    except (NotFound, NotPermitted):
        return False
    return True


def administrators(account: Account) -> QuerySet[User]:
    """Return the active administrators of the account, sorted by email."""
    return User.objects.filter(
        is_active=True,
        memberships__account=account,
        memberships__account__closed_at=None,
        memberships__role=Role.ADMINISTRATOR,
    ).order_by("email")
