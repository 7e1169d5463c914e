"""A new token: the form, and in the answer to it the credentials."""

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from simsim.console.errors import sentence
from simsim.console.place import Visit, for_administrators, located
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.token_requests.prefill import Asked
from simsim.console.tokens.credentials import credentials_page
from simsim.console.tokens.form import PRESETS_DAYS, TokenForm, offered_software
from simsim.console.tokens.live_errors import CHECK, errors_while_typing
from simsim.problem import AlreadyAnswered, AlreadyExists, Invalid, NotFound
from simsim.tokens.actions import create_token
from simsim.tokens.cautions import cautions_of, network_cautions, range_notes
from simsim.tokens.field_errors import is_name_taken, namesake
from simsim.tokens.models import Status
from simsim.tokens.rules import last_day, recommended_until
from simsim.tokens.selectors import find_token


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def create(visit: Visit) -> HttpResponse:
    """Show the form; create the token and show its credentials at once.

    There is no redirect to a page that shows them: it would have to find the password again, or be handed it. A form
    that is sent twice, by a double click or a reload, meets the rule that names are unique and creates nothing.
    """
    if visit.request.method != "POST":
        demand_recent_authentication(visit.request)
        asked = Asked.read(visit, visit.request.GET)
        return form_page(visit, replacement(visit) or asked.form(), asked)
    form, press = TokenForm.read(visit.request.POST), visit.request.POST.get("press", "")
    if press == CHECK:
        return errors_while_typing(visit, form)
    asked = Asked.read(visit, visit.request.POST)
    if form.rearrange(press, located(visit.request).address):
        return form_page(visit, form, asked)
    if asked.answered is not None:
        return answered_page(visit, form, AlreadyAnswered(who=asked.answered.answered_by_label))
    demand_recent_authentication(visit.request, keeps_form=True)
    return save(visit, form, asked)


def replacement(visit: Visit) -> TokenForm | None:
    """Return the form filled in like the token that the address names, None when it names none of the account's."""
    try:
        token = find_token(visit.request.GET.get("like", ""), actor=visit.actor, account=visit.account)
    except NotFound:
        return None
    return TokenForm.like(token, is_active=token.status(visit.now) == Status.ACTIVE)


def save(visit: Visit, form: TokenForm, asked: Asked) -> HttpResponse:
    try:
        token, credentials = create_token(
            actor=visit.actor,
            account=visit.account,
            name=form.name,
            expires=form.expiry,
            description=form.description,
            software=form.software,
            allowed_networks=form.networks,
            report_only=form.report_only,
            request=asked.request,
            now=visit.now,
        )
    except AlreadyAnswered as problem:
        return answered_page(visit, form, problem)
    except (Invalid, AlreadyExists) as problem:
        form.explain(problem)
        if is_name_taken(problem):
            form.namesake = namesake(visit.account, form.name, now=visit.now)
        return form_page(visit, form, asked, status=problem.status)
    cautions = [*cautions_of(token, actor=visit.actor, now=visit.now), *range_notes(form.networks)]
    told = [sentence(Invalid(each)) for each in cautions]
    return credentials_page(visit, token, credentials, is_new=True, cautions=told)


def answered_page(visit: Visit, form: TokenForm, problem: AlreadyAnswered) -> HttpResponse:
    """Return the form without the request: sent once more, it makes a token that nobody asked for."""
    return form_page(visit, form, Asked(notice=sentence(problem)), status=problem.status)


def form_page(visit: Visit, form: TokenForm, asked: Asked, *, status: int = 200) -> HttpResponse:
    form.hint(network_cautions(form.networks))
    context = {
        "account": visit.account,
        "form": form,
        "asked": asked.request,
        "asked_notice": asked.notice,
        "presets": [(f"{days}d", days, visit.now + timedelta(days=days)) for days in PRESETS_DAYS],
        "first_day": visit.now.date(),
        "last_day": last_day(visit.now),
        "recommended_until": recommended_until(visit.now),
        "software": offered_software(),
        "browser": located(visit.request),
    }
    return render(visit.request, "console/tokens/new.html", context, status=status)
