"""The page where people land after signing in."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from simsim.accounts.models import Role
from simsim.console.navigation import navigation_of
from simsim.console.token_requests.member_page import member_page
from simsim.problem import NotFound


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the person's only account; list several accounts; explain what to do without an account.

    An operator without an account gets the operator's pages.
    """
    navigation = navigation_of(request)
    accounts = [membership.account for membership in navigation.memberships]
    if len(accounts) == 1:
        return redirect("console:account", accounts[0].pk)
    if not accounts and navigation.is_operator:
        return redirect("console:operator")
    return render(request, "console/home.html", {"accounts": accounts})


@login_required
@require_safe
def account(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:  # noqa: ARG001 - navigation_of reads the URL
    """Redirect administrators to the tokens, and show members who the administrators are (R3)."""
    membership = navigation_of(request).membership
    if membership is None:
        raise NotFound
    if membership.role != Role.MEMBER:
        return redirect("console:tokens", membership.account_id)
    return member_page(request, status=200) or redirect("console:home")
