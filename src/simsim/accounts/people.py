"""The people of an account, as its administrators see them."""

from dataclasses import dataclass
from datetime import datetime

from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.problem import NotFound


@dataclass(frozen=True)
class Person:
    """A person who belongs to the account; the last administrator can be neither demoted nor removed."""

    membership: Membership
    is_last_administrator: bool

    @property
    def user(self) -> User:
        return self.membership.user

    @property
    def last_sign_in(self) -> datetime | None:
        """When they last signed in; None if that was before they joined, because it doesn't concern this account."""
        at = self.user.last_login
        return at if at is not None and at >= self.membership.created_at else None

    @property
    def is_administrator(self) -> bool:
        return self.membership.role == Role.ADMINISTRATOR


def memberships_of(user: User) -> list[Membership]:
    """Return the person's memberships in open accounts, sorted by the account's name."""
    return list(user.memberships.filter(account__closed_at=None).select_related("account").order_by("account__name"))


def people_of(account: Account, *, actor: Actor) -> list[Person]:
    """Return the people of the account, administrators first; raise NotFound or NotPermitted."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    # Sorting by role works because "administrator" comes before "member" in the alphabet.
    memberships = list(
        Membership.objects.filter(account=account).select_related("user", "account").order_by("role", "user__email")
    )
    active = {found.pk for found in memberships if found.role == Role.ADMINISTRATOR and found.user.is_active}
    return [
        Person(found, is_last_administrator=found.role == Role.ADMINISTRATOR and not active - {found.pk})
        for found in memberships
    ]


def people_with(text: str, *, account: Account, actor: Actor, most: int) -> list[Membership]:
    """Return up to `most` memberships of the account in whose email address the text occurs; raise NotPermitted."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    found = Membership.objects.filter(account=account, user__email__icontains=text)
    return list(found.select_related("user").order_by("user__email")[:most])


def find_person(user_id: int, *, account: Account, actor: Actor) -> Person:
    """Return the person with this id in the account; raise NotFound if there is none."""
    for person in people_of(account, actor=actor):
        if person.user.pk == user_id:
            return person
    raise NotFound
