"""The navigation around every page: the accounts that the person may switch to, and the page's account and section."""

import uuid
from functools import cached_property

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.operators import is_operator
from simsim.accounts.people import memberships_of
from simsim.console.portal.session import PortalSession, only_membership, portal_of
from simsim.console.search import slash_key
from simsim.tokens.creation_freeze import freeze_of
from simsim.tokens.incident_models import CreationFreeze


class Navigation:
    """The accounts and the section for the navigation of one request. Reads the database at most once, when needed."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def memberships(self) -> list[Membership]:
        """The person's memberships, by the account's name."""
        user = getattr(self._request, "user", None)
        if not isinstance(user, User) or not user.is_authenticated:
            return []
        return only_membership(self.portal, user) if self.portal else memberships_of(user)

    @cached_property
    def membership(self) -> Membership | None:
        """The membership in the URL's account, or in the person's only account; None if there is no such membership."""
        wanted = account_id_in(self._request)
        if wanted is None:
            return self.memberships[0] if len(self.memberships) == 1 else None
        return next((found for found in self.memberships if found.account_id == wanted), None)

    @property
    def section(self) -> str:
        """The section that the URL belongs to: in an account, such as `tokens`; outside, `operator` or ""."""
        parts = self._request.path_info.split("/")
        if parts[1:2] == ["operator"]:
            return "operator"
        return parts[3] if len(parts) > 3 and parts[1] == "accounts" else ""

    @cached_property
    def portal(self) -> PortalSession | None:
        """The mark of a session from the operator's product, or None."""
        return portal_of(self._request)

    @property
    def is_administrator(self) -> bool:
        return self.membership is not None and self.membership.role == Role.ADMINISTRATOR

    @property
    def sees_tokens(self) -> bool:
        return self.membership is not None and self.membership.role != Role.MEMBER

    @property
    def slash_opens_search(self) -> bool:
        return slash_key.opens_search(self._request)

    @cached_property
    def freeze(self) -> CreationFreeze | None:
        """The freeze of new tokens in the URL's account, or None."""
        return freeze_of(self.membership.account) if self.membership else None

    @property
    def is_operator(self) -> bool:
        user = getattr(self._request, "user", None)
        return isinstance(user, User) and is_operator(user) and self.portal is None


def navigation_of(request: HttpRequest) -> Navigation:
    """Return the request's navigation: one object, which the view and the templates share."""
    found: Navigation = vars(request).setdefault("navigation", Navigation(request))
    return found


def account_in(request: HttpRequest) -> Account | None:
    """Return the account that the URL names, None if it names none."""
    wanted = account_id_in(request)
    return Account.objects.filter(pk=wanted).first() if wanted else None


def account_id_in(request: HttpRequest) -> uuid.UUID | None:
    """Return the account's id in the URL."""
    # Not resolver_match: when allauth resumes a suspended request, that still names the password page.
    try:
        found: uuid.UUID | None = resolve(request.path_info).kwargs.get("account_id")
    except Resolver404:
        return None
    return found
