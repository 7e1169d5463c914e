"""The mark of a session from the operator's product: the account, the role, and the address to return to."""

import uuid
from dataclasses import asdict, dataclass

from django.http import HttpRequest

from simsim.accounts.models import Account, Membership, PortalLink, PortalRole, User
from simsim.accounts.permissions import Actor, PortalGrant, actor_of
from simsim.accounts.recent_authentication import PORTAL

METHOD = "portal_link"


@dataclass(frozen=True)
class PortalSession:
    """`opened_at` is when the operator's product vouched for the person, in seconds since 1970."""

    account: str
    role: str
    return_url: str
    opened_at: float

    @property
    def grant(self) -> PortalGrant:
        return PortalGrant(uuid.UUID(self.account), self.role)

    @property
    def is_reader(self) -> bool:
        return self.role == PortalRole.READER


def portal_of(request: HttpRequest) -> PortalSession | None:
    """Return the session's mark; None for a session that began with a sign-in."""
    found = request.session.get(PORTAL) if hasattr(request, "session") else None
    return PortalSession(**found) if found else None


def mark(request: HttpRequest, link: PortalLink, *, opened_at: float) -> None:
    session = PortalSession(str(link.account_id), link.role, link.return_url, opened_at)
    request.session[PORTAL] = asdict(session)


def actor_in(request: HttpRequest, user: User) -> Actor:
    """Return the actor for the signed-in person, as this session allows."""
    found = portal_of(request)
    return Actor(user.email, user, portal=found.grant) if found else actor_of(user)


def only_membership(session: PortalSession, user: User) -> list[Membership]:
    """Return an unsaved membership with the session's account and role."""
    account = Account.objects.filter(pk=session.account, closed_at=None).first()
    return [Membership(account=account, user=user, role=session.role)] if account else []
