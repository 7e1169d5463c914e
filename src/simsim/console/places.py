"""Where one arrives: at one's account, at a choice between several, or at a word of welcome."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

from simsim.accounts.models import User
from simsim.accounts.permissions import Permission, is_permitted
from simsim.console.visiting import Visit, in_account
from simsim.problem import NotFound


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the only account, or show the several, or say what to do with none."""
    user = cast(User, request.user)
    memberships = list(user.memberships.select_related("account").order_by("account__name"))
    if len(memberships) == 1:
        return redirect("console:account", account_id=memberships[0].account_id)
    return render(request, "console/home.html", {"memberships": memberships})


@in_account(Permission.VIEW_ACCOUNT)
def account(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Lead an administrator to the tokens, and tell a member who the administrators are (R3)."""
    if is_permitted(visit.actor, Permission.MANAGE_TOKENS, visit.account):
        return redirect("console:tokens", account_id=visit.account.pk)
    return render(request, "console/member.html")


def closed(request: HttpRequest, **_: object) -> HttpResponse:
    """Stand where the sign-in library offers what this product does not."""
    raise NotFound


def sign_in_door(request: HttpRequest) -> HttpResponseRedirect:
    return redirect("account_login")
