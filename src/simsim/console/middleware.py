"""What holds for every page: the browser runs and loads nothing that is not ours, and a broken rule becomes a page."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

from simsim.console.errors import problem_page
from simsim.console.token_requests.member_page import member_page
from simsim.problem import NotPermitted, Problem

Handler = Callable[[HttpRequest], HttpResponse]

# No 'unsafe-inline' and no nonce: a token's name that slipped out of its quotes would find nothing that runs it (T9).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def strict_transport_security(get_response: Handler) -> Handler:
    """Send HSTS with every answer of a console whose address is https.

    Django's own middleware looks at the request, which arrives without TLS from a proxy that ended it. The address that
    the operator gave holds for every browser; over plain HTTP a browser ignores the header (RFC 6797, section 8.1).
    """
    seconds = settings.STRICT_TRANSPORT_SECONDS

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if seconds:
            response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
        return response

    return middleware


def never_stored(get_response: Handler) -> Handler:
    """Let no cache and no browser keep an answer, error pages and files included: each is about one person.

    Here and not at each view: whoever sits at the machine next would find what a new page forgot, after the person has
    signed out.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.pop("Cache-Control", None)
        add_never_cache_headers(response)
        return response

    return middleware


def content_security_policy(get_response: Handler) -> Handler:
    """Send the policy with every answer, error pages included."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def problems(get_response: Handler) -> Handler:
    """Answer a Problem that a view let through with its page and its status; every other exception stays a bug."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Problem):
            return None
        # A member learns whom to ask instead.
        page = member_page(request) if isinstance(exception, NotPermitted) else None
        return page or problem_page(request, exception)

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware
