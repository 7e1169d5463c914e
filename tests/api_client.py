"""A program that calls the management API in the test's own process."""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.test import Client

from cast import Cast
from simsim.accounts.permissions import OPERATOR, Actor
from simsim.management_tokens.actions import (
    ManagementCredentials,
    create_management_token,
    create_operator_token,
)
from simsim.management_tokens.models import ManagementToken, Scope

ROOT = "/api/v1"


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass
class Program:
    """Sends requests with a username and a password, or with none."""

    authorization: str = field(default="", repr=False)
    client: Client = field(default_factory=Client)

    @classmethod
    def of(cls, credentials: ManagementCredentials) -> "Program":
        return cls(basic(credentials.username, credentials.password))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the response; `headers` are named with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            sent["authorization"] = self.authorization
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method, path if path.startswith(ROOT) else ROOT + path, data, content_type="application/json", headers=sent
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)


def management_token(
    actor: Actor, account: Any, *scopes: Scope, now: datetime, allow: tuple[str, ...] = (), expires: str = "90d"
) -> tuple[ManagementToken, ManagementCredentials]:
    return create_management_token(
        actor=actor, account=account, name="CI", expires=expires, scopes=scopes or [Scope.TOKENS],
        allowed_networks=allow, now=now,
    )  # fmt: skip


def program_of_alice(cast: Cast, now: datetime, *scopes: Scope) -> Program:
    return Program.of(management_token(cast.as_alice, cast.acme, *scopes, now=now)[1])


def program_of_olga(now: datetime) -> Program:
    return Program.of(create_operator_token(actor=OPERATOR, named=None, name="CRM", expires="90d", now=now)[1])
