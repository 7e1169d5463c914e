"""Introspection (RFC 7662) and revocation (RFC 7009): what the gate would say, to whom may know it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from api_client import Program, basic, management_token, program_of_olga
from cast import Cast
from console_client import sign_in
from simsim.audit.models import AuditEvent
from simsim.management_tokens.models import Scope
from simsim.tokens import actions, pause
from simsim.tokens.actions import create_token, rotate_token

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B15")]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = settings.OPERATOR.model_copy(update={"oauth_endpoints": True, "accept_bearer": True})
    monkeypatch.setattr(settings, "OPERATOR", changed)


def ask(name: str, authorization: str = "", client: Client | None = None, **form: str) -> Any:
    headers = {"authorization": authorization} if authorization else {}
    return (client or Client()).post(f"/api/v1/oauth/{name}", form, headers=headers)


def as_form(name: str, authorization: str, body: str, content_type: str = FORM) -> Any:
    return Client().post(
        f"/api/v1/oauth/{name}", body, content_type=content_type, headers={"authorization": authorization}
    )


def reader(cast: Cast, now: datetime, *, of: str = "acme", scope: Scope = Scope.READ) -> str:
    actor, account = {"acme": (cast.as_alice, cast.acme), "globex": (cast.as_charlie, cast.globex)}[of]
    return Program.of(management_token(actor, account, scope, now=now)[1]).authorization


def introspect(authorization: str, password: str, **more: str) -> Any:
    body = "&".join(f"{name}={value}" for name, value in {"token": password, **more}.items())
    answer = as_form("introspect", authorization, body)
    assert answer.status_code == 200, answer.content
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.json()


@pytest.mark.usefixtures("switched_on")
def test_introspection_says_what_the_gate_would_decide(cast: Cast, now: datetime) -> None:
    earlier = now - timedelta(minutes=1)
    token, first = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=earlier)
    as_reader = reader(cast, now)
    assert introspect(as_reader, first.password, token_type_hint="access_token") == {
        "active": True, "token_type": "Bearer", "sub": str(token.pk), "username": str(cast.acme.pk), "name": "T",
        "iat": int(token.created_at.timestamp()), "exp": int(token.expires_at.timestamp()),
    }  # fmt: skip
    token, second = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(hours=1), now=earlier)
    assert introspect(as_reader, first.password)["exp"] == int((earlier + timedelta(hours=1)).timestamp())
    assert introspect(as_reader, second.password)["exp"] == int(token.expires_at.timestamp())
    # Whoever may not see the token learns nothing, not even that it exists.
    assert introspect(reader(cast, now, of="globex"), second.password) == {"active": False}
    assert introspect(program_of_olga(now).authorization, second.password)["active"] is True
    assert introspect(as_reader, "sim_" + "0" * 49) == {"active": False}
    actions.edit_token(actor=cast.as_alice, token=token, allowed_networks=["203.0.113.0/24"], now=now)
    found = [introspect(as_reader, second.password, **more)["active"] for more in (
        {}, {"address": "203.0.113.9"}, {"address": "198.51.100.1"},
    )]  # fmt: skip
    assert found == [False, True, False]
    own = Program(f"Bearer {second.password}")
    actions.edit_token(actor=cast.as_alice, token=token, allowed_networks=[], now=now)
    assert own.get("/self").status_code == 200
    pause.pause_token(actor=cast.as_alice, token=token, until="", reason="", now=now)
    assert introspect(as_reader, second.password) == {"active": False}
    assert own.get("/self").status_code == 401


@pytest.mark.usefixtures("switched_on")
def test_revocation_ends_the_caller_s_own_tokens_only(cast: Cast, now: datetime) -> None:
    token, credentials = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    body = f"token={credentials.password}"
    for authorization, status in (
        (reader(cast, now), 403), (program_of_olga(now).authorization, 403),
        (reader(cast, now, of="globex", scope=Scope.TOKENS), 200),
    ):  # fmt: skip
        answer = as_form("revoke", authorization, body)
        assert answer.status_code == status
        token.refresh_from_db()
        assert token.revoked_at is None
    manager = reader(cast, now, scope=Scope.TOKENS)
    for _ in range(2):
        answer = as_form("revoke", manager, body)
        assert (answer.status_code, answer.content) == (200, b"")
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert AuditEvent.objects.get(event="token.revoked").actor_label == "alice@acme.example"
    assert introspect(manager, credentials.password) == {"active": False}


@pytest.mark.usefixtures("switched_on")
@pytest.mark.parametrize("name", ["introspect", "revoke"])
def test_a_bad_request_gets_the_error_that_oauth_names(name: str, cast: Cast, now: datetime) -> None:
    manager = reader(cast, now, scope=Scope.TOKENS)
    wrong = [
        as_form(name, manager, ""), as_form(name, manager, "token="), as_form(name, manager, "token=a&token=b"),
        as_form(name, manager, "token=%00"), as_form(name, manager, '{"token": "a"}', "application/json"),
    ]  # fmt: skip
    assert [(each.status_code, each.json()["error"]) for each in wrong] == [(400, "invalid_request")] * len(wrong)
    own = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)[1]
    strangers = ["", basic("x", "y"), basic(own.username, own.password), f"Bearer {own.password}"]
    for answer in (
        *(as_form(name, each, "token=a") if each else ask(name, token="a") for each in strangers),
        ask(name, client=sign_in(cast.alice), token="a"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert Client().get(f"/api/v1/oauth/{name}").status_code == 405


def test_nothing_is_there_unless_a_setting_turns_it_on(cast: Cast, now: datetime) -> None:
    manager, credentials = reader(cast, now, scope=Scope.TOKENS), create_token(
        actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now
    )[1]  # fmt: skip
    for name in ("introspect", "revoke"):
        assert as_form(name, manager, f"token={credentials.password}").status_code == 404
    assert Program(f"Bearer {credentials.password}").get("/self").status_code == 401
