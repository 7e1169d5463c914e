"""Recognizes the browsers with which a person has signed in before, by a signed cookie.

A guesser has no such cookie, so guesses can be slowed for everybody else without locking the person out.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from simsim.accounts.models import User

COOKIE = "__Host-simsim-browser" if settings.SECURE else "simsim-browser"
SALT = "simsim.known-browser"
MAX_AGE_SECONDS = 180 * 24 * 3600
# A shared browser remembers the last few people.
MAX_PEOPLE = 5


def read(request: HttpRequest) -> dict[str, Any]:
    """Return the browser's random id and the ids of the people who signed in with it; empty for a new browser."""
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return {}
    return found if isinstance(found, dict) else {}


def is_known(request: HttpRequest, user_id: int) -> bool:
    """Whether the person has signed in with this browser in the last 180 days."""
    return user_id in read(request).get("people", [])


def browser_id(request: HttpRequest, email: str) -> str:
    """Return the id of a browser with which the person of that address has signed in; "" for any other browser."""
    found = read(request)
    user_id = User.objects.filter(email=email).values_list("pk", flat=True).first()
    return str(found["id"]) if user_id in found.get("people", []) else ""


def remember(request: HttpRequest, response: HttpResponse, user_id: int) -> None:
    """Let the browser carry that the person has signed in with it."""
    found = read(request)
    people = [user_id, *(known for known in found.get("people", []) if known != user_id)][:MAX_PEOPLE]
    value = signing.dumps({"id": found.get("id") or secrets.token_urlsafe(12), "people": people}, salt=SALT)
    response.set_cookie(COOKIE, value, max_age=MAX_AGE_SECONDS, secure=settings.SECURE, httponly=True, samesite="Lax")
