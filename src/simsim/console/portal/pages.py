"""The page to which a link from the operator's product leads. Opening it changes nothing: only its button signs in."""

import mimetypes
import time

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from simsim.accounts.portal_links import open_portal_link
from simsim.console.errors import sentence
from simsim.console.portal.session import METHOD, mark, portal_of
from simsim.console_sessions.store import ENDS_AT
from simsim.problem import NotFound, PortalLinkEnded

MAX_LINK_LENGTH = 300
NOT_INDEXED = "noindex, nofollow, noarchive"


@sensitive_post_parameters("link")
@require_http_methods(["GET", "HEAD", "POST"])
def opened(request: HttpRequest) -> HttpResponse:
    """Show the button, or after it, sign the person in. The secret is in the fragment, which no server gets."""
    if not settings.PORTAL.return_origins:
        raise NotFound
    if request.method != "POST":
        return page(request)
    secret = request.POST.get("link", "")[:MAX_LINK_LENGTH].rpartition("#")[2].strip()
    try:
        link = open_portal_link(secret, now=timezone.now())
    except NotFound:
        return page(request, error=sentence(PortalLinkEnded()), status=404)
    except PortalLinkEnded as problem:
        return page(request, error=sentence(problem), status=problem.status)
    if request.user.is_authenticated:
        get_adapter().logout(request)
    opened_at = time.time()
    record_authentication(request, link.user, METHOD)
    get_adapter().login(request, link.user)
    mark(request, link, opened_at=opened_at)
    request.session[ENDS_AT] = opened_at + settings.PORTAL.minutes * 60
    return redirect("console:account", link.account_id)


def page(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    response = render(request, "console/portal/open.html", {"look": settings.PORTAL, "error": error}, status=status)
    response.headers["X-Robots-Tag"] = NOT_INDEXED
    return response


def come_back(request: HttpRequest) -> HttpResponse:
    """Say that the person must come from the product again, because there is no password here to ask for."""
    context = {"look": settings.PORTAL, "portal": portal_of(request)}
    return render(request, "console/portal/come_back.html", context)


@require_safe
def look(request: HttpRequest) -> HttpResponse:
    """Return the style sheet with the product's colour: the policy allows no style within a page."""
    del request
    colour = settings.PORTAL.colour
    return HttpResponse(f":root {{ --portal: {colour}; }}\n", content_type="text/css; charset=utf-8")


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """Return the product's logo."""
    del request
    path = settings.PORTAL.logo
    if path is None:
        raise NotFound
    return HttpResponse(path.read_bytes(), content_type=mimetypes.guess_type(path.name)[0] or "image/png")
