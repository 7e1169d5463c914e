"""A member asks for a token, or an administrator declines. To grant a request, see `tokens.creation`."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators, for_everyone
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.token_requests.member_page import AskForm, member_page
from simsim.problem import FieldError, Invalid, TooManyRequested
from simsim.tokens.models import RequestAnswer
from simsim.tokens.token_requests import ask_for_token, decline_request, find_request


@require_http_methods(["GET", "HEAD", "POST"])
@for_everyone
def ask(access: AccountAccess) -> HttpResponse:
    """Store the request and queue an email to the administrators (R3).

    A GET, such as a reload, redirects to the member's page.
    """
    if access.request.method != "POST":
        return redirect("console:account", access.account.pk)
    form = AskForm.read(access.request.POST)
    try:
        request = ask_for_token(
            actor=access.actor,
            account=access.account,
            name=form.name,
            purpose=form.purpose,
            software=form.software,
            now=access.now,
        )
    except (Invalid, TooManyRequested) as problem:
        explain(form, problem)
        page = member_page(access.request, status=problem.status, form=form)
        return page or redirect("console:account", access.account.pk)
    if request.asked_at == access.now:
        said = gettext("Your request for “%(name)s” was sent to the administrators.")
    else:
        said = gettext("You have already asked for “%(name)s”. Your request is waiting for an answer.")
    say(access.request, said % {"name": request.name})
    return redirect("console:account", access.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def decline(access: AccountAccess, request_id: uuid.UUID) -> HttpResponse:
    """Decline a request; the member sees that. A GET, such as a reload, redirects to the list."""
    request = find_request(request_id, account=access.account, actor=access.actor)
    if access.request.method == "POST":
        request = decline_request(actor=access.actor, request=request, now=access.now)
        if request.asked_by == access.actor.user and request.answer == RequestAnswer.DECLINED:
            said = gettext("Your request for “%(name)s” was withdrawn.") % {"name": request.name}
        elif request.is_for_approval and request.answer == RequestAnswer.DECLINED:
            said = gettext("Declined. %(who)s gets an email.") % {"who": request.asked_by_label}
        elif request.answer == RequestAnswer.DECLINED:
            said = gettext("Declined. %(who)s will see this on their page.") % {"who": request.asked_by_label}
        else:
            said = gettext("%(who)s has granted this in the meantime.") % {"who": request.answered_by_label}
        say(access.request, said)
    return redirect("console:tokens", access.account.pk)


def explain(form: AskForm, problem: Invalid | TooManyRequested) -> None:
    """Set each error for its field."""
    if isinstance(problem, TooManyRequested):
        form.errors = {"": sentence(problem)}
        return
    for error in problem.errors:
        form.errors.setdefault(error.field, sentence(Invalid(FieldError(error.field, error.message, error.params))))
