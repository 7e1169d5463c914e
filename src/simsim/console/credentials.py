"""Showing a username and a password: once in the answer to a form, and nowhere else."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from simsim.tokens.actions import Credentials
from simsim.tokens.models import Token
from simsim.tokens.rules import is_longer_than_recommended


def show(request: HttpRequest, token: Token, credentials: Credentials, *, is_new: bool, now: datetime) -> HttpResponse:
    """Return the page with the credentials. It is the answer to a POST and may be kept nowhere (T17)."""
    context = {
        "token": token,
        "credentials": credentials,
        "is_new": is_new,
        "is_long": is_longer_than_recommended(token.expires_at, now=now),
        "now": now,
    }
    answer = render(request, "console/credentials.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer
