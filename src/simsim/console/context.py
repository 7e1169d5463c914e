"""What the frame of every page shows: the account that one is in, and the others that one may switch to."""

from functools import cached_property

from django.http import HttpRequest

from simsim.accounts.models import Membership, Role, User
from simsim.console.place import account_id_in


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
        wanted = account_id_in(self._request)
        if wanted is None:
            return self.memberships[0] if len(self.memberships) == 1 else None
        return next((found for found in self.memberships if found.account_id == wanted), None)

    @property
    def section(self) -> str:
        """The part of the account that the address lies in: `tokens`, `logs`, `connect`, `people`; "" for none."""
        parts = self._request.path_info.split("/")
        return (parts[3] or "tokens") if len(parts) > 3 and parts[1] == "accounts" else ""

    @property
    def is_administrator(self) -> bool:
        return self.membership is not None and self.membership.role == Role.ADMINISTRATOR


def place(request: HttpRequest) -> dict[str, object]:
    return {"place": Place(request)}
