"""Promoting, demoting and removing: a page that says what follows, and asks."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.actions import change_role, remove_user
from simsim.accounts.models import Role
from simsim.accounts.people import Person, find_person
from simsim.console.errors import sentence
from simsim.console.place import Visit, for_administrators
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.sign_in import say
from simsim.problem import LastAdministrator, Problem
from simsim.tokens.models import Status
from simsim.tokens.selectors import tokens_of


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def role(visit: Visit, user_id: int) -> HttpResponse:
    """Ask, then make a member an administrator or an administrator a member."""
    person = find_person(user_id, account=visit.account, actor=visit.actor)
    demand_recent_authentication(visit.request)
    if visit.request.method != "POST":
        return question(visit, person, "role")
    wanted = visit.request.POST.get("role", "")
    try:
        change_role(actor=visit.actor, account=visit.account, user=person.user, role=wanted, now=visit.now)
    except LastAdministrator as problem:
        return question(visit, person, "role", problem)
    names = {"email": person.user.email, "account": visit.account.name}
    if wanted == Role.ADMINISTRATOR:
        say(visit.request, gettext("%(email)s is now an administrator of %(account)s.") % names)
    elif is_oneself(visit, person):
        say(visit.request, gettext("You are now a member of %(account)s and no longer an administrator.") % names)
        return redirect("console:account", visit.account.pk)
    else:
        say(visit.request, gettext("%(email)s is now a member of %(account)s.") % names)
    return redirect("console:people", visit.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def remove(visit: Visit, user_id: int) -> HttpResponse:
    """Ask, then take the person out of the account; their tokens stay (R2)."""
    person = find_person(user_id, account=visit.account, actor=visit.actor)
    demand_recent_authentication(visit.request)
    if visit.request.method != "POST":
        return question(visit, person, "remove")
    try:
        remove_user(actor=visit.actor, account=visit.account, user=person.user, now=visit.now)
    except LastAdministrator as problem:
        return question(visit, person, "remove", problem)
    names = {"email": person.user.email, "account": visit.account.name}
    if is_oneself(visit, person):
        say(visit.request, gettext("You no longer belong to %(account)s.") % names)
        return redirect("console:home")
    say(visit.request, gettext("%(email)s no longer belongs to %(account)s.") % names)
    return redirect("console:people", visit.account.pk)


def is_oneself(visit: Visit, person: Person) -> bool:
    return person.user == visit.actor.user


def question(visit: Visit, person: Person, page: str, problem: Problem | None = None) -> HttpResponse:
    """Return the page that asks; for the last administrator it says why it can't be done, and offers no button."""
    if problem is None and person.is_last_administrator:
        problem = LastAdministrator(email=person.user.email)
    made = tokens_of(visit.account, actor=visit.actor, status=Status.ACTIVE, now=visit.now)
    context = {
        "account": visit.account,
        "person": person,
        "is_oneself": is_oneself(visit, person),
        "active_tokens": made.filter(created_by=person.user).count(),
        "error": sentence(problem) if problem else "",
    }
    status = problem.status if problem and visit.request.method == "POST" else 200
    return render(visit.request, f"console/people/{page}.html", context, status=status)
