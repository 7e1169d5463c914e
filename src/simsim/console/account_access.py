"""Access to an account's pages: checks the person's role before the view gets the account and the person."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import GRANTS, Actor, Permission, granted
from simsim.accounts.recent_authentication import is_signed_in_at_provider
from simsim.accounts.second_factors import is_missing
from simsim.accounts.single_sign_on import is_required
from simsim.console.navigation import navigation_of
from simsim.console.portal.session import actor_in
from simsim.problem import NotFound, NotPermitted

Parameters = ParamSpec("Parameters")


@dataclass(frozen=True)
class AccountAccess:
    """A permitted request for a page of one account: the account, the person, and `now`, the time for the page."""

    request: HttpRequest
    account: Account
    actor: Actor
    now: datetime


def for_administrators(
    view: Callable[Concatenate[AccountAccess, Parameters], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    """Admit only administrators of the URL's account; raise NotPermitted for its members, NotFound for anybody else.

    The actions that the view calls check permissions again.
    """
    return _in_account(view, Permission.MANAGE_TOKENS)


def for_everyone(
    view: Callable[Concatenate[AccountAccess, Parameters], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    """Admit everybody who belongs to the URL's account, in any role; raise NotFound for anybody else."""
    return _in_account(view, Permission.VIEW_ACCOUNT)


def _in_account(
    view: Callable[Concatenate[AccountAccess, Parameters], HttpResponseBase], permission: Permission
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]:
    @functools.wraps(view)
    def entered(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated and request.headers.get("HX-Request"):
            # htmx would follow a redirect and put the sign-in page in place of the fragment that it requested.
            return HttpResponseClientRefresh()
        return signed_in(request, *args, **kwargs)

    @login_required
    def signed_in(request: HttpRequest, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        kwargs.pop("account_id")
        membership = navigation_of(request).membership
        if membership is None or not isinstance(request.user, User):
            raise NotFound
        now, actor = timezone.now(), actor_in(request, request.user)
        is_reading = permission == Permission.MANAGE_TOKENS and request.method in {"GET", "HEAD"}
        # The navigation has just read the membership.
        held = granted(actor, membership.account) if actor.portal else GRANTS[membership.role]
        if (Permission.VIEW_TOKENS if is_reading else permission) not in held:
            raise NotPermitted
        if actor.portal is not None:
            # The operator's product decides how its people prove who they are.
            return view(AccountAccess(request, membership.account, actor, now), *args, **kwargs)
        if is_required(membership, now=now) and not is_signed_in_at_provider(request):
            context = {"account": membership.account, "path": request.get_full_path()}
            return render(request, "console/security/single_sign_on_required.html", context, status=403)
        if is_missing(membership, request.user, now=now):
            return render(request, "console/security/required.html", {"account": membership.account}, status=403)
        return view(AccountAccess(request, membership.account, actor, now), *args, **kwargs)

    return entered
