"""The console over HTTP: how to sign in, its addresses, and the text of a page."""

import html
import re
from collections.abc import Iterator
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from cast import PASSWORD, Cast
from simsim.accounts.models import User

HTMX = {"HX-Request": "true"}


def sign_in(user: User, client: Client | None = None) -> Client:
    client = client or Client()
    answer = client.post("/sign-in/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def list_of(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/tokens/"


def console_addresses(found: Any = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the route and the name of every address of the console."""
    for pattern in (found or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from console_addresses(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.name or ""


def text_of(answer: Any) -> str:
    """Return what a person reads of a page, in one line."""
    joined = re.sub(r"</?bdi\b[^>]*>", "", answer.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", joined)).split())


def names_in(answer: Any) -> list[str]:
    """Return the names of the tokens that a list shows, in its order and as its HTML has them."""
    return re.findall(r'class="name"[^>]*><bdi>([^<]*)</bdi>', answer.content.decode())
