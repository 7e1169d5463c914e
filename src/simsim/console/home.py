"""The door: where a person lands after signing in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from simsim.accounts.models import Account


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the person's account; let them choose among several; say what to do when there is none."""
    accounts = list(Account.objects.filter(memberships__user=request.user).order_by("name"))
    if len(accounts) == 1:
        return redirect("console:tokens", accounts[0].pk)
    return render(request, "console/home.html", {"accounts": accounts})
