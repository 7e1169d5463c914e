"""Where in the console a request stands: which account it is about, and who asks."""

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import GRANTS, Actor, Permission, actor_of
from simsim.credential.allowlist import Address
from simsim.gate.address import Located, locate
from simsim.problem import NotFound, NotPermitted

Parameters = ParamSpec("Parameters")


class Place:
    """Where in the console a request is. Reads the database when somebody asks, and once."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def memberships(self) -> list[Membership]:
        """The accounts that the person belongs to, by name."""
        user = getattr(self._request, "user", None)
        if not isinstance(user, User) or not user.is_authenticated:
            return []
        return list(
            user.memberships.filter(account__closed_at=None).select_related("account").order_by("account__name")
        )

    @cached_property
    def membership(self) -> Membership | None:
        """The membership in the account of the address, else in the only account; None when there is no such."""
        wanted = account_id_in(self._request)
        if wanted is None:
            return self.memberships[0] if len(self.memberships) == 1 else None
        return next((found for found in self.memberships if found.account_id == wanted), None)

    @property
    def section(self) -> str:
        """The part of the account that the address lies in, such as `tokens` or `logs`; "" for none."""
        parts = self._request.path_info.split("/")
        return parts[3] if len(parts) > 3 and parts[1] == "accounts" else ""

    @property
    def is_administrator(self) -> bool:
        return self.membership is not None and self.membership.role == Role.ADMINISTRATOR


def place_of(request: HttpRequest) -> Place:
    """Return the request's place: the same one for the view and for the frame around it."""
    found: Place = vars(request).setdefault("place", Place(request))
    return found


@dataclass(frozen=True)
class Visit:
    """One request of a signed-in person to a page of one account; `now` is the moment that it is answered for."""

    request: HttpRequest
    account: Account
    actor: Actor
    now: datetime


def for_administrators(
    view: Callable[Concatenate[Visit, Parameters], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    """Give a view the account in its address; raise NotFound for a stranger's, NotPermitted for a member's.

    The actions behind the pages ask again.
    """
    return _in_account(view, Permission.MANAGE_TOKENS)


def for_everyone(
    view: Callable[Concatenate[Visit, Parameters], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    """Give a view the account in its address, whatever the person's role in it; raise NotFound for a stranger's."""
    return _in_account(view, Permission.VIEW_ACCOUNT)


def _in_account(
    view: Callable[Concatenate[Visit, Parameters], HttpResponseBase], permission: Permission
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    @functools.wraps(view)
    def entered(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated and request.headers.get("HX-Request"):
            # A redirect would put the sign-in page into the fragment that htmx asked for.
            return HttpResponseClientRefresh()
        return signed_in(request, *args, **kwargs)

    @login_required
    def signed_in(request: HttpRequest, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        kwargs.pop("account_id")
        membership = place_of(request).membership
        if membership is None or not isinstance(request.user, User):
            raise NotFound
        if permission not in GRANTS[membership.role]:
            raise NotPermitted
        return view(Visit(request, membership.account, actor_of(request.user), timezone.now()), *args, **kwargs)

    return entered


def account_in(request: HttpRequest) -> Account | None:
    """Return the account that the address names, None when it names none."""
    wanted = account_id_in(request)
    return Account.objects.filter(pk=wanted).first() if wanted else None


def account_id_in(request: HttpRequest) -> uuid.UUID | None:
    """Return the account's id in the address."""
    # Not resolver_match: where allauth goes on with a suspended request, that is still the page of the password.
    try:
        found: uuid.UUID | None = resolve(request.path_info).kwargs.get("account_id")
    except Resolver404:
        return None
    return found


def address_of(request: HttpRequest) -> Address | None:
    """Return the address that the browser comes from, read as the gate reads a caller's; None when unknown."""
    return located(request).address


def located(request: HttpRequest) -> Located:
    """Return the browser's address and the trusted proxies that it was learned through."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    trusted: bytes = settings.OPERATOR.trusted_networks()
    return locate(request.META.get("REMOTE_ADDR"), [forwarded] if forwarded else [], trusted)
