"""Whether the key `/` opens the search. People can turn it off, because speech input may type it (WCAG 2.1.4)."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

COOKIE = "__Host-simsim-slash" if settings.SECURE else "simsim-slash"
OFF = "off"
MAX_AGE_SECONDS = 365 * 24 * 3600


def opens_search(request: HttpRequest) -> bool:
    return request.COOKIES.get(COOKIE) != OFF


def remember(response: HttpResponse, *, is_off: bool) -> None:
    """Let the browser carry that the key is off, or nothing."""
    if is_off:
        response.set_cookie(COOKIE, OFF, max_age=MAX_AGE_SECONDS, secure=settings.SECURE, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
