"""Everybody who belongs to the account, and what can be done about each."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from simsim.accounts.people import people_of
from simsim.console.place import Visit, for_administrators


@require_safe
@for_administrators
def people(visit: Visit) -> HttpResponse:
    """Show the people with their role, since when they belong to the account, and when they last signed in."""
    context = {
        "account": visit.account,
        "now": visit.now,
        "people": people_of(visit.account, actor=visit.actor),
        "myself": visit.actor.user,
    }
    return render(visit.request, "console/people/people.html", context)
