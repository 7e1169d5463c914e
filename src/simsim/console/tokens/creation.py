"""The form of a new token, and its credentials in the response to the form."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.client_address import located
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.token_requests.prefill import RequestToGrant
from simsim.console.tokens.credentials import credentials_page
from simsim.console.tokens.form import TokenForm, offered_days
from simsim.console.tokens.live_errors import CHECK, errors_while_typing
from simsim.problem import (
    AlreadyAnswered,
    AlreadyExists,
    ApprovalRequired,
    CreationFrozen,
    FieldError,
    Invalid,
    NotFound,
    NotInThisSession,
    TooManyRequested,
)
from simsim.tokens.actions import create_token
from simsim.tokens.approval import ask_for_approval, has_approvers
from simsim.tokens.field_errors import is_name_taken, namesake
from simsim.tokens.field_warnings import cautions_of, network_cautions, range_notes
from simsim.tokens.hand_over_links import hand_overs_of
from simsim.tokens.policies import policies_of
from simsim.tokens.rules import last_day, recommended_until
from simsim.tokens.selectors import find_token
from simsim.tokens.software import offered_software
from simsim.tokens.token_fields import TokenFields

ASK = "ask"


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def create(access: AccountAccess) -> HttpResponse:
    """Show the form, or create the token and show its credentials in the response.

    A redirect would need the password in a cookie or a URL, or would have to retrieve it again. A form that is sent
    twice, by a double click or a reload, creates nothing the second time, because names are unique.
    """
    if access.request.method != "POST":
        demand_recent_authentication(access.request)
        to_grant = RequestToGrant.read(access, access.request.GET)
        return form_page(access, replacement(access) or to_grant.form(), to_grant)
    form, press = TokenForm.read(access.request.POST), access.request.POST.get("press", "")
    if press == CHECK:
        return errors_while_typing(access, form)
    to_grant = RequestToGrant.read(access, access.request.POST)
    if form.rearrange(press, located(access.request).address):
        return form_page(access, form, to_grant)
    if to_grant.answered is not None:
        return answered_page(access, form, AlreadyAnswered(who=to_grant.answered.answered_by_label))
    demand_recent_authentication(access.request, keeps_form=True)
    return (ask if press == ASK else save)(access, form, to_grant)


def replacement(access: AccountAccess) -> TokenForm | None:
    """Return the form filled in like the token in the URL, None if the URL names no token of the account."""
    try:
        token = find_token(access.request.GET.get("like", ""), actor=access.actor, account=access.account)
    except NotFound:
        return None
    return TokenForm.like(token, is_active=not token.has_ended(access.now))


def save(access: AccountAccess, form: TokenForm, to_grant: RequestToGrant) -> HttpResponse:
    if missing := form.limits.missing():
        form.add_errors(missing)
        return form_page(access, form, to_grant, status=Invalid.status)
    try:
        token, credentials = create_token(
            actor=access.actor,
            account=access.account,
            name=form.name,
            expires=form.expiry,
            description=form.description,
            software=form.software,
            allowed_networks=form.networks,
            limits=form.limits.rules,
            rates=form.rates.texts,
            report_only=form.report_only,
            request=to_grant.request,
            now=access.now,
        )
    except AlreadyAnswered as problem:
        return answered_page(access, form, problem)
    except CreationFrozen as problem:
        # The page says by whom, why and since when.
        return form_page(access, form, to_grant, status=problem.status)
    except ApprovalRequired as problem:
        return form_page(access, form, to_grant, reasons=problem.errors, status=problem.status)
    except (Invalid, AlreadyExists) as problem:
        return refused(access, form, to_grant, problem)
    cautions = [*cautions_of(token, actor=access.actor, now=access.now), *range_notes(form.networks)]
    handed_to = next((each.recipient_label for each in hand_overs_of(token, actor=access.actor)), "")
    messages = [sentence(Invalid(each)) for each in cautions]
    return credentials_page(access, token, credentials, is_new=True, cautions=messages, handed_to=handed_to)


def ask(access: AccountAccess, form: TokenForm, to_grant: RequestToGrant) -> HttpResponse:
    """Ask another administrator to approve the token of the form."""
    if missing := form.limits.missing():
        form.add_errors(missing)
        return form_page(access, form, to_grant, status=Invalid.status)
    fields = TokenFields(
        form.name, form.expiry, form.description, form.software, form.networks, form.report_only, form.limits.rules,
        form.rates.texts,
    )  # fmt: skip
    try:
        asked = ask_for_approval(
            actor=access.actor, account=access.account, fields=fields, request=to_grant.request, now=access.now
        )
    except (Invalid, AlreadyExists) as problem:
        return refused(access, form, to_grant, problem)
    except (CreationFrozen, TooManyRequested, NotInThisSession) as problem:
        return form_page(access, form, replace(to_grant, notice=sentence(problem)), status=problem.status)
    said = gettext(
        "Your request for “%(name)s” was sent to the other administrators. You get an email with the answer."
    )
    say(access.request, said % {"name": asked.name})
    return redirect("console:tokens", access.account.pk)


def refused(
    access: AccountAccess, form: TokenForm, to_grant: RequestToGrant, problem: Invalid | AlreadyExists
) -> HttpResponse:
    form.explain(problem)
    if is_name_taken(problem):
        form.namesake = namesake(access.account, form.name, now=access.now)
    return form_page(access, form, to_grant, status=problem.status)


def answered_page(access: AccountAccess, form: TokenForm, problem: AlreadyAnswered) -> HttpResponse:
    """Return the form without the request: sent again, it creates a token independent of any request."""
    return form_page(access, form, RequestToGrant(notice=sentence(problem)), status=problem.status)


def form_page(
    access: AccountAccess,
    form: TokenForm,
    to_grant: RequestToGrant,
    *,
    reasons: Sequence[FieldError] = (),
    status: int = 200,
) -> HttpResponse:
    """Return the page with the form; `reasons` say why the token needs an approval."""
    form.hint(network_cautions(form.networks))
    policy = policies_of(access.account).effective
    longest = policy.max_lifetime_days
    days_offered = offered_days(longest)
    form.choose_among(days_offered)
    last = last_day(access.now)
    context = {
        "account": access.account,
        "form": form,
        "token_request": to_grant.request,
        "request_notice": to_grant.notice,
        "presets": [(f"{days}d", days, access.now + timedelta(days=days)) for days in days_offered],
        "first_day": access.now.date(),
        "last_day": last if longest is None else min(last, (access.now + timedelta(days=longest)).date()),
        "recommended_until": recommended_until(access.now),
        "software": offered_software(),
        "browser": located(access.request),
        "policy": policy,
        "approval_reasons": [sentence(Invalid(each)) for each in reasons],
        "has_approvers": has_approvers(access.account, asker=access.actor),
    }
    return render(access.request, "console/tokens/new.html", context, status=status)
