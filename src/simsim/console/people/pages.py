"""The list of the people who belong to the account."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.accounts.people import people_of
from simsim.console.account_access import AccountAccess, for_administrators


@require_safe
@for_administrators
def people(access: AccountAccess) -> HttpResponse:
    """Show the people with their roles, when they joined the account, and when they last signed in."""
    context = {
        "account": access.account,
        "now": access.now,
        "people": people_of(access.account, actor=access.actor),
        "myself": access.actor.user,
    }
    return render(access.request, "console/people/people.html", context)
