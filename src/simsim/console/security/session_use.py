"""Middleware: notes that a session is used, which postpones its end, and lets browsers remember who signed in."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from simsim.accounts.models import User
from simsim.console.middleware import Handler
from simsim.console.security import known_browsers
from simsim.console.security.places import place_of
from simsim.console_sessions.selectors import note_use
from simsim.console_sessions.store import SessionStore


def session_use(get_response: Handler) -> Handler:
    """Note the use of the session before the page is made, and give the browser its cookie after a sign-in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # To know who asks, Django reads the session, and with it the time of its last use.
        if isinstance(request.user, User) and isinstance(request.session, SessionStore):
            note_use(request.session, address=place_of(request).address, now=timezone.now())
        response = get_response(request)
        signed_in = getattr(request, "has_signed_in", None)
        if signed_in is not None:
            known_browsers.remember(request, response, signed_in)
        return response

    return middleware
