"""The pages that show a token's credentials once. Opening one changes nothing: only its button uses the link up."""

import uuid
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from simsim.accounts.client_address import address_of
from simsim.console.account_access import AccountAccess, for_everyone
from simsim.console.connect.pages import api_here
from simsim.console.connect.recipes import recipe_for, recipes
from simsim.console.errors import sentence
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.tokens.credentials import env_file
from simsim.problem import Invalid, NotFound, Problem
from simsim.tokens.hand_over import HandedOver, find_offer, open_as_member, open_link, prove_usable

# Programs that show previews and engines that index pages must not keep this one.
NOT_INDEXED = "noindex, nofollow, noarchive"
MAX_LINK_LENGTH = 300


@sensitive_post_parameters("link", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def opened(request: HttpRequest) -> HttpResponse:
    """Show the button, or after it the credentials, to whoever has the link's secret; needs no sign-in (B14).

    The page is the same for every link, because browsers don't send the fragment that holds the secret. A script puts
    it into the form; without scripts, people paste the link.
    """
    if request.method != "POST":
        return form_page(request)
    secret, code = secret_in(request.POST.get("link", "")), request.POST.get("code", "")
    try:
        handed = open_link(secret, code=code, address=from_where(request), now=timezone.now())
    except NotFound:
        return form_page(request, is_unknown=True, status=404)
    except Invalid as problem:
        return form_page(request, secret=secret, refusal=sentence(problem), status=problem.status)
    except Problem as problem:
        return ended_page(request, problem)
    return answer(request, "console/hand_over/shown.html", shown(handed))


@require_http_methods(["GET", "HEAD", "POST"])
@for_everyone
def offered(access: AccountAccess, hand_over_id: uuid.UUID) -> HttpResponse:
    """Show the button, or after it the credentials, to the member who asked for the token."""
    offer = find_offer(hand_over_id, account=access.account, actor=access.actor)
    context = {"account": access.account, "now": access.now, "offer": offer}
    try:
        if access.request.method != "POST":
            prove_usable(offer, access.now)
            return answer(access.request, "console/hand_over/offered.html", context)
        demand_recent_authentication(access.request, keeps_form=True)
        handed = open_as_member(offer, actor=access.actor, address=from_where(access.request), now=access.now)
    except Problem as problem:
        said = {"title": gettext(problem.title), "said": sentence(problem)}
        return answer(access.request, "console/hand_over/offered.html", context | said, status=problem.status)
    return answer(access.request, "console/hand_over/received.html", context | shown(handed))


def secret_in(text: str) -> str:
    """Return the secret in a pasted link, or the text if it is the secret itself."""
    return text[:MAX_LINK_LENGTH].rpartition("#")[2].strip()


def from_where(request: HttpRequest) -> str:
    address = address_of(request)
    return address.text if address else ""


def form_page(
    request: HttpRequest, *, secret: str = "", refusal: str = "", is_unknown: bool = False, status: int = 200
) -> HttpResponse:
    """Return the page with the button; with a secret, it asks for the code, and `refusal` says why."""
    context = {"secret": secret, "refusal": refusal, "is_unknown": is_unknown}
    return answer(request, "console/hand_over/open.html", context, status=status)


def ended_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    context = {"title": gettext(problem.title), "said": sentence(problem)}
    return answer(request, "console/hand_over/ended.html", context, status=problem.status)


def shown(handed: HandedOver) -> dict[str, object]:
    """Return the context of the credentials, with the recipes and the .env file."""
    token, credentials = handed.token, handed.credentials
    return {
        "token": token,
        "credentials": credentials,
        "opened": recipe_for(token.software.slug if token.software else None),
        "recipes": recipes(username=credentials.username, api=api_here(), password=credentials.password),
        "env_file": env_file(token, credentials),
        "env_name": f"{slugify(token.name)[:60] or 'token'}.env",
    }


def answer(request: HttpRequest, template: str, context: Mapping[str, object], *, status: int = 200) -> HttpResponse:
    response = render(request, template, dict(context), status=status)
    response.headers["X-Robots-Tag"] = NOT_INDEXED
    return response
