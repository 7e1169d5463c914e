"""Invitations by email: the form, and sending one again."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.invitations import invite as invite_person
from simsim.accounts.invitations import invite_again, needs_recent_authentication
from simsim.accounts.models import Role
from simsim.accounts.people import find_person
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import AlreadyExists, FieldError, Invalid


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def invite(access: AccountAccess) -> HttpResponse:
    """Show the form, or add the person to the account and queue the invitation."""
    if access.request.method != "POST":
        return form_page(access, {"role": Role.MEMBER}, {})
    typed = {name: access.request.POST.get(name, "") for name in ("email", "role")}
    if needs_recent_authentication(typed["role"]):
        demand_recent_authentication(access.request)
    try:
        membership = invite_person(actor=access.actor, account=access.account, now=access.now, **typed)
    except Invalid as problem:
        errors = {
            error.field: sentence(Invalid(FieldError(error.field, error.message, error.params)))
            for error in problem.errors
        }
        return form_page(access, typed, errors, status=problem.status)
    except AlreadyExists as problem:
        return form_page(access, typed, {"email": sentence(problem)}, status=problem.status)
    say(access.request, gettext("%(email)s was invited. The email is on its way.") % {"email": membership.user.email})
    return redirect("console:people", access.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def again(access: AccountAccess, user_id: int) -> HttpResponse:
    """Queue the invitation again for a person who has never signed in.

    A GET, such as a reload, redirects to the list.
    """
    person = find_person(user_id, account=access.account, actor=access.actor)
    if access.request.method == "POST":
        try:
            invite_again(actor=access.actor, account=access.account, user=person.user, now=access.now)
        except AlreadyExists as problem:
            say(access.request, sentence(problem))
        else:
            text = gettext("A new invitation is on its way to %(email)s.")
            say(access.request, text % {"email": person.user.email})
    return redirect("console:people", access.account.pk)


def form_page(
    access: AccountAccess, typed: dict[str, str], errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    context = {"account": access.account, "typed": typed, "errors": errors}
    return render(access.request, "console/people/invite.html", context, status=status)
