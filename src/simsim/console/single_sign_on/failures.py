"""The pages that say why a sign-in at the provider did not work, and what to do."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from simsim.console.errors import sentence
from simsim.console.single_sign_on.exchange import provider
from simsim.openid_connect.provider import ProviderUnavailable
from simsim.problem import SignInRefused

logger = logging.getLogger(__name__)


def unavailable(request: HttpRequest, error: ProviderUnavailable) -> HttpResponse:
    """Say that the provider does not answer; the log has the details for the operator."""
    logger.warning("The OpenID Connect provider can't be used: %s", error)
    detail = gettext("%(name)s does not answer at the moment. Try again in a few minutes.")
    advice = gettext("If this continues, tell the operator of this API: “simsim doctor” shows what is wrong.")
    return page(request, gettext("Sign-in is not available"), detail, advice, status=503)


def not_started_here(request: HttpRequest) -> HttpResponse:
    detail = gettext("This sign-in was started in another browser, more than ten minutes ago, or was finished already.")
    return page(request, gettext("Start again"), detail, "", status=400)


def answer_refused(request: HttpRequest, reason: str) -> HttpResponse:
    """Say that the provider's answer does not count. Only three reasons are the person's concern."""
    if reason == "denied":
        detail = gettext("The sign-in at %(name)s was cancelled, or you have no access to this application there.")
        advice = gettext("If you should have access, ask your company’s IT department.")
        return page(request, gettext("Not signed in"), detail, advice, status=403)
    if reason == "other_person":
        detail = gettext(
            "You signed in to %(name)s as somebody else. Sign in there as the same person, or sign out here."
        )
        return page(request, gettext("You signed in as somebody else"), detail, "", status=403)
    if reason == "not_asked_again":
        detail = gettext("%(name)s did not ask you to sign in again, or did not say when it last did.")
        advice = gettext("Tell the operator of this API: the provider must support “max_age” and send “auth_time”.")
        return page(request, gettext("Not confirmed"), detail, advice, status=403)
    logger.warning("The OpenID Connect provider sent an answer that does not count: %s", reason)
    detail = gettext("The answer from %(name)s could not be trusted, so nobody was signed in.")
    advice = gettext("Try again. If this continues, tell the operator of this API: the reason is in the audit trail.")
    return page(request, gettext("Not signed in"), detail, advice, status=403)


def sign_in_refused(request: HttpRequest, problem: SignInRefused) -> HttpResponse:
    return page(request, gettext(problem.title), sentence(problem).replace("%", "%%"), "", status=problem.status)


def page(request: HttpRequest, title: str, detail: str, advice: str, *, status: int) -> HttpResponse:
    said = {"title": title, "detail": detail % {"name": provider().name}, "advice": advice, "provider": provider()}
    return render(request, "console/single_sign_on/failed.html", said, status=status)
