"""Who visits which account: every page about an account is entered through here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, Permission, acting, permit
from simsim.problem import NotFound

Rest = ParamSpec("Rest")
Page = Callable[Concatenate[HttpRequest, "Visit", Rest], HttpResponse]


@dataclass(frozen=True)
class Visit:
    """A person in an account, proven to be allowed what the page needs."""

    account: Account
    actor: Actor
    now: datetime


def in_account(permission: Permission, *, recently_authenticated: bool = False) -> Callable[[Page[Rest]], Any]:
    """Make a page that only those enter who have the permission in the account of its address.

    A stranger gets 404, a member without the permission 403. With `recently_authenticated`, whoever has not given the
    password for a while gives it first; the permission comes before, so that nobody is asked in vain.
    """

    def decorate(page: Page[Rest]) -> Any:
        guarded = reauthentication_required(page) if recently_authenticated else page

        @login_required
        @wraps(page)
        def enter(request: HttpRequest, account_id: UUID, *args: Rest.args, **rest: Rest.kwargs) -> HttpResponse:
            account = Account.objects.filter(pk=account_id).first()
            if account is None:
                raise NotFound
            actor = acting(cast(User, request.user))
            permit(actor, permission, account)
            answer: HttpResponse = guarded(request, Visit(account, actor, timezone.now()), *args, **rest)
            # What an account holds is for the person alone, and after signing out the back button must not show it.
            answer.headers.setdefault("Cache-Control", "private, no-store")
            return answer

        return enter

    return decorate
