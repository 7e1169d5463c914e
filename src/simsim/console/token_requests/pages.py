"""A member asks for a token; an administrator declines. Granting is creating the token: see tokens/creation.py."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.errors import members_page, sentence
from simsim.console.place import Visit, for_administrators, for_everyone
from simsim.console.sign_in import say
from simsim.console.token_requests.member_page import AskForm
from simsim.problem import FieldError, Invalid, TooManyRequested
from simsim.tokens.models import RequestAnswer
from simsim.tokens.token_requests import ask_for_token, decline_request, find_request


@require_http_methods(["GET", "HEAD", "POST"])
@for_everyone
def ask(visit: Visit) -> HttpResponse:
    """Store the request and owe the administrators a mail (R3). GET, as after a reload, leads to the person's page."""
    if visit.request.method != "POST":
        return redirect("console:account", visit.account.pk)
    form = AskForm.read(visit.request.POST)
    try:
        request = ask_for_token(
            actor=visit.actor,
            account=visit.account,
            name=form.name,
            purpose=form.purpose,
            software=form.software,
            now=visit.now,
        )
    except (Invalid, TooManyRequested) as problem:
        explain(form, problem)
        page = members_page(visit.request, status=problem.status, form=form)
        return page or redirect("console:account", visit.account.pk)
    if request.asked_at == visit.now:
        said = gettext("Your request for “%(name)s” was sent to the administrators.")
    else:
        said = gettext("You have already asked for “%(name)s”. Your request is waiting for an answer.")
    say(visit.request, said % {"name": request.name})
    return redirect("console:account", visit.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def decline(visit: Visit, request_id: uuid.UUID) -> HttpResponse:
    """Decline a request; who asked sees it. GET, as after a reload, leads to the list."""
    request = find_request(request_id, account=visit.account, actor=visit.actor)
    if visit.request.method == "POST":
        request = decline_request(actor=visit.actor, request=request, now=visit.now)
        if request.answer == RequestAnswer.DECLINED:
            said = gettext("Declined. %(who)s will see this on their page.") % {"who": request.asked_by_label}
        else:
            said = gettext("%(who)s has granted this in the meantime.") % {"who": request.answered_by_label}
        say(visit.request, said)
    return redirect("console:tokens", visit.account.pk)


def explain(form: AskForm, problem: Invalid | TooManyRequested) -> None:
    """Put what is wrong beside the field that it is about."""
    if isinstance(problem, TooManyRequested):
        form.errors = {"": sentence(problem)}
        return
    for error in problem.errors:
        form.errors.setdefault(error.field, sentence(Invalid(FieldError(error.field, error.message, error.params))))
