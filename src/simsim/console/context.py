"""What the frame of every page shows: the account that one is in, and the others that one may switch to."""

from functools import cached_property
from uuid import UUID

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from simsim.accounts.models import Membership, Role, User
from simsim.accounts.permissions import administrators


class Place:
    """Where in the console a request is. Reads the database when the frame asks, and once."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def memberships(self) -> list[Membership]:
        """The accounts that the person belongs to, by name."""
        user = getattr(self._request, "user", None)
        if not isinstance(user, User) or not user.is_authenticated:
            return []
        return list(user.memberships.select_related("account").order_by("account__name"))

    @cached_property
    def membership(self) -> Membership | None:
        """The membership in the account of the address, else in the only account; None when there is no such."""
        wanted = account_of(self._request.path_info)
        if wanted is None:
            return self.memberships[0] if len(self.memberships) == 1 else None
        return next((found for found in self.memberships if found.account_id == wanted), None)

    @property
    def is_administrator(self) -> bool:
        return self.membership is not None and self.membership.role == Role.ADMINISTRATOR

    @cached_property
    def administrators(self) -> list[User]:
        """Whom a member may ask."""
        return list(administrators(self.membership.account)) if self.membership else []


def account_of(path: str) -> UUID | None:
    # Not `request.resolver_match`: a request that goes on after re-authentication has the one of the page before.
    try:
        found = resolve(path).kwargs.get("account_id")
    except Resolver404:
        return None
    return found if isinstance(found, UUID) else None


def place(request: HttpRequest) -> dict[str, object]:
    return {"place": Place(request)}
