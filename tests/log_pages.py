"""The log's pages over HTTP, and requests for them to show."""

import html
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from cast import Cast
from logged_requests import logged
from page_reading import folded
from simsim.request_log.models import LoggedRequest
from simsim.tokens.models import Token

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def log(cast: Cast, token: Token | None = None, **changed: Any) -> LoggedRequest:
    values: dict[str, Any] = {
        "received_at": NOON, "account_id": cast.acme.pk, "method": "GET", "resource": "/api/v2/entities", "status": 200,
        "outcome": "accepted", "reason": "ok", "cause": "ok", "duration_seconds": 0.25, "bytes": 7,
        "address": "203.0.113.9", "token_id": token.pk if token else None, "token_name": token.name if token else None,
    }  # fmt: skip
    return logged(**values | changed)


def refused(cast: Cast, cause: str, token: Token | None = None, **changed: Any) -> LoggedRequest:
    return log(cast, token, **{"status": 401, "outcome": "refused", "reason": cause, "cause": cause} | changed)


def page_of(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/logs/"


def read(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content
    return html.unescape(folded(answer.content.decode()))
