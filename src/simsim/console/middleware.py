"""Middleware for every page: security headers, no caching, and an error page for each Problem."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

from simsim.accounts.client_address import address_of
from simsim.audit.origin import Door, Origin, coming_from
from simsim.console.errors import problem_page
from simsim.console.token_requests.member_page import member_page
from simsim.problem import NotPermitted, Problem

UNKNOWN_ADDRESS = "unknown"
API = "/api/v1/"
Handler = Callable[[HttpRequest], HttpResponse]

# No 'unsafe-inline' and no nonce, so that a token's name that escaped its quotes could not run as a script (T9).
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
        # Text becomes HTML through console/trusted.js only. Swagger UI brings its own cleaner, DOMPurify.
        "require-trusted-types-for 'script'",
        "trusted-types default simsim-inert dompurify",
    )
)


def audited_origin(get_response: Handler) -> Handler:
    """Record the browser's address with every audit event."""

    def middleware(request: HttpRequest) -> HttpResponse:
        address = address_of(request)
        door = Door.API if request.path.startswith(API) else Door.CONSOLE
        with coming_from(Origin(door, address=address.text if address else UNKNOWN_ADDRESS)):
            return get_response(request)

    return middleware


def strict_transport_security(get_response: Handler) -> Handler:
    """Send HSTS with every response if the console's configured address is https.

    Django's own middleware looks at the request, which arrives without TLS if a proxy terminates TLS. Over plain HTTP,
    browsers ignore the header (RFC 6797, section 8.1).
    """
    seconds = settings.STRICT_TRANSPORT_SECONDS

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if seconds:
            response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
        return response

    return middleware


def never_stored(get_response: Handler) -> Handler:
    """Forbid caching of every response, including error pages and files, because each is for one person.

    This is middleware, because if a single view forgot it, the next person at the machine could see the view's page
    after a sign-out.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.pop("Cache-Control", None)
        add_never_cache_headers(response)
        return response

    return middleware


def content_security_policy(get_response: Handler) -> Handler:
    """Send the policy with every response, including error pages, and let no other site embed it or read it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


def problems(get_response: Handler) -> Handler:
    """Answer a Problem that a view raises with an error page and its status. Any other exception is a bug."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Problem):
            return None
        # Members see whom they can ask instead.
        page = member_page(request) if isinstance(exception, NotPermitted) else None
        return page or problem_page(request, exception)

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware
