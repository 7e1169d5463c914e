"""Role changes and removals: for each, a page explains the consequences and asks for confirmation."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.actions import change_role, remove_user
from simsim.accounts.models import Role
from simsim.accounts.people import Person, find_person
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import LastAdministrator, Problem
from simsim.tokens.selectors import tokens_of


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def role(access: AccountAccess, user_id: int) -> HttpResponse:
    """Ask for confirmation, then change the person's role."""
    person = find_person(user_id, account=access.account, actor=access.actor)
    demand_recent_authentication(access.request)
    if access.request.method != "POST":
        return question(access, person, "role")
    wanted = access.request.POST.get("role", "")
    try:
        change_role(actor=access.actor, account=access.account, user=person.user, role=wanted, now=access.now)
    except LastAdministrator as problem:
        return question(access, person, "role", problem)
    names = {"email": person.user.email, "account": access.account.name}
    if wanted == Role.ADMINISTRATOR:
        say(access.request, gettext("%(email)s is now an administrator of %(account)s.") % names)
    elif is_oneself(access, person):
        say(access.request, gettext("You are now a member of %(account)s and no longer an administrator.") % names)
        return redirect("console:account", access.account.pk)
    else:
        say(access.request, gettext("%(email)s is now a member of %(account)s.") % names)
    return redirect("console:people", access.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def remove(access: AccountAccess, user_id: int) -> HttpResponse:
    """Ask for confirmation, then remove the person from the account; their tokens stay (R2)."""
    person = find_person(user_id, account=access.account, actor=access.actor)
    demand_recent_authentication(access.request)
    if access.request.method != "POST":
        return question(access, person, "remove")
    try:
        remove_user(actor=access.actor, account=access.account, user=person.user, now=access.now)
    except LastAdministrator as problem:
        return question(access, person, "remove", problem)
    names = {"email": person.user.email, "account": access.account.name}
    if is_oneself(access, person):
        say(access.request, gettext("You no longer belong to %(account)s.") % names)
        return redirect("console:home")
    say(access.request, gettext("%(email)s no longer belongs to %(account)s.") % names)
    return redirect("console:people", access.account.pk)


def is_oneself(access: AccountAccess, person: Person) -> bool:
    return person.user == access.actor.user


def question(access: AccountAccess, person: Person, page: str, problem: Problem | None = None) -> HttpResponse:
    """Return the page that asks for confirmation.

    For the last administrator, the page explains why the action is impossible, and has no button.
    """
    if problem is None and person.is_last_administrator:
        problem = LastAdministrator(email=person.user.email)
    made = tokens_of(access.account, actor=access.actor, status=None, now=access.now).active(access.now)
    context = {
        "account": access.account,
        "person": person,
        "is_oneself": is_oneself(access, person),
        "active_tokens": made.filter(created_by=person.user).count(),
        "error": sentence(problem) if problem else "",
    }
    status = problem.status if problem and access.request.method == "POST" else 200
    return render(access.request, f"console/people/{page}.html", context, status=status)
