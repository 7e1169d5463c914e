"""The two requests of a sign-in at the provider: the one that leads there, and the one that comes back."""

import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from simsim.accounts.models import User
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.accounts.provider_identities import Identity, known_person, person_of
from simsim.accounts.recent_authentication import AT_PROVIDER, is_signed_in_at_provider
from simsim.audit.events import Event
from simsim.console.security.places import place_of
from simsim.console.sign_in_events import sign_in_failed_at_provider
from simsim.console.single_sign_on import failures
from simsim.console.single_sign_on.exchange import Exchange, provider, provider_for
from simsim.openid_connect.discovery import discover
from simsim.openid_connect.id_token import SKEW_SECONDS, Answer, read_answer
from simsim.openid_connect.provider import AnswerRefused, ProviderUnavailable
from simsim.problem import SignInRefused

SIGN_IN, CONFIRM = "sign_in", "confirm"


@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Redirect to the provider. Somebody who is signed in there and here is asked to confirm who they are."""
    confirms = request.user.is_authenticated and is_signed_in_at_provider(request) and "confirm" in request.GET
    nonce = secrets.token_urlsafe(32)
    asked = {"nonce": nonce} | ({"prompt": "login", "max_age": "0"} if confirms else {})
    kept = {"nonce": nonce, "asked_at": time.time(), "issuer": provider().issuer}
    purpose, target = (CONFIRM if confirms else SIGN_IN), get_next_redirect_url(request)
    try:
        answer: HttpResponse = provider_for(request).redirect(request, purpose, target, kept, auth_params=asked)
    except ProviderUnavailable as error:
        return failures.unavailable(request, error)
    return answer


@require_safe
@sensitive_variables()
def callback(request: HttpRequest) -> HttpResponseBase:
    """Take the provider's answer, and sign the person in, or note that they confirmed who they are."""
    state = statekit.unstash_state(
        request, state_id=request.GET.get("state", ""), provider_id=provider_for(request).sub_id
    )
    if state is None or state["data"]["issuer"] != provider().issuer:
        return failures.not_started_here(request)
    try:
        answer = ask_provider(request, state)
        return PURPOSES[state["process"]](request, state, answer)
    except ProviderUnavailable as error:
        return failed(request, "unavailable", failures.unavailable(request, error))
    except AnswerRefused as refusal:
        return failed(request, refusal.reason, failures.answer_refused(request, refusal.reason))
    except SignInRefused as problem:
        user = User.objects.filter(pk=problem.user_id).first() if problem.user_id is not None else None
        return failed(request, problem.reason, failures.sign_in_refused(request, problem), user)


def ask_provider(request: HttpRequest, state: dict[str, Any]) -> Answer:
    """Exchange the code for the person's identity; raise AnswerRefused or ProviderUnavailable."""
    ours, metadata = provider(), discover(provider())
    # A provider that names itself in its answers can't be mistaken for another one (RFC 9207).
    if request.GET.get("iss", "" if metadata.is_issuer_returned else ours.issuer) != ours.issuer:
        raise AnswerRefused("issuer")
    if "error" in request.GET or not request.GET.get("code"):
        raise AnswerRefused("denied" if request.GET.get("error") == "access_denied" else "error")
    exchange = Exchange(request, provider_for(request).sub_id)
    client = exchange.get_client(request, provider_for(request).app)
    try:
        found = client.get_access_token(request.GET["code"], pkce_code_verifier=state["pkce_code_verifier"])
    except (OAuth2Error, ValueError) as error:
        # The message would hold what the provider sent, and that may be anything.
        raise AnswerRefused("exchange") from error
    return read_answer(
        ours,
        metadata,
        id_token=str(found.get("id_token") or ""),
        access_token=str(found["access_token"]),
        nonce=state["data"]["nonce"],
        now=time.time(),
    )


def sign_in(request: HttpRequest, state: dict[str, Any], answer: Answer) -> HttpResponse:
    """Sign the person in, as whom the provider means; raise SignInRefused."""
    user = person_of(identity_of(answer), rules=settings.PROVIDER_RULES, place=place_of(request), now=timezone.now())
    if request.user.is_authenticated:
        get_adapter().logout(request)
    note_proof(request, user, answer)
    response: HttpResponse = perform_login(request, Login(user=user, redirect_url=state.get("next")))
    return response


def confirm(request: HttpRequest, state: dict[str, Any], answer: Answer) -> HttpResponse:
    """Note that the signed-in person has just proven who they are, and lead them on; raise AnswerRefused.

    The provider must say that it asked them after we sent them there.
    """
    user = request.user
    if not isinstance(user, User) or known_person(identity_of(answer)) != user:
        raise AnswerRefused("other_person")
    asked_at = float(state["data"]["asked_at"])
    if answer.authenticated_at is None or answer.authenticated_at < asked_at - SKEW_SECONDS:
        raise AnswerRefused("not_asked_again")
    note_proof(request, user, answer)
    with transaction.atomic():
        record_person_event(Event.CONFIRMED_AT_PROVIDER, actor=actor_of(user), user=user, now=timezone.now())
    # allauth reads from the request where to go on, perhaps with a form that it kept.
    request.GET = QueryDict(urlencode({"next": state.get("next") or ""}))
    return resume_request(request) or redirect("console:home")


PURPOSES: dict[str, Callable[[HttpRequest, dict[str, Any], Answer], HttpResponse]] = {
    SIGN_IN: sign_in,
    CONFIRM: confirm,
}


def note_proof(request: HttpRequest, user: User, answer: Answer) -> None:
    record_authentication(
        request, user, AT_PROVIDER, issuer=provider().issuer, authenticated_at=answer.authenticated_at
    )


def identity_of(answer: Answer) -> Identity:
    return Identity(
        issuer=provider().issuer,
        subject=answer.subject,
        email=answer.email,
        is_email_verified=answer.is_email_verified,
        groups=answer.groups,
        provider_name=provider().name,
    )


def failed(request: HttpRequest, reason: str, page: HttpResponse, user: User | None = None) -> HttpResponse:
    """Record a failed sign-in or confirmation, and return its page."""
    known = user or (request.user if isinstance(request.user, User) else None)
    sign_in_failed_at_provider(known, reason)
    return page


def confirmation(request: HttpRequest) -> HttpResponse:
    """Show the page that leads to the provider, which asks the person again."""
    query = urlencode({"confirm": "1", "next": get_next_redirect_url(request) or ""})
    return render(request, "console/single_sign_on/confirm.html", {"query": query, "provider": provider()})
