"""An incident in an account: nobody creates tokens while it is frozen (B18)."""

from datetime import datetime, timedelta

import pytest

from api_client import program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.management_tokens.actions import create_management_token
from simsim.management_tokens.models import Scope
from simsim.problem import CreationFrozen, Invalid, NotFound, NotPermitted
from simsim.tokens.actions import create_token, rotate_token
from simsim.tokens.creation_freeze import freeze_creation, lift_freeze
from simsim.tokens.credential_import import Brought, CredentialImport
from simsim.tokens.foreign_credentials import ForeignCredentials
from simsim.tokens.models import Token, TokenRequest
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_import import Draft, import_tokens
from simsim.tokens.token_requests import ask_for_token
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")
WHY = "Alice’s laptop was stolen"


def made(cast: Cast, now: datetime, name: str = "Power BI", **given: object) -> Token:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now, **given)  # type: ignore[arg-type]
    return token


def test_frozen_account_gets_no_token_in_any_way_and_rotates_those_it_has(cast: Cast, now: datetime) -> None:
    token = made(cast, now)
    asked = ask_for_token(actor=cast.as_bob, account=cast.acme, name="W", purpose="P", software="", now=now)
    freeze_creation(actor=cast.as_alice, account=cast.acme, reason=WHY, now=now)
    fields = TokenFields("New", "90d", "", None, (), False, ())
    draft = Draft(1, cast.as_alice, cast.acme, fields)
    brought = CredentialImport(
        [Brought(draft, ForeignCredentials("old", "a long enough old password"))], file_id="f", now=now
    )
    assert list(brought.check()) == [1]
    for create in (
        lambda: made(cast, now, "New"),
        lambda: made(cast, now, "W", request=asked),
        lambda: import_tokens([draft], now=now),
        lambda: list(brought.write()),
        lambda: create_management_token(
            actor=cast.as_alice, account=cast.acme, name="M", expires="30d", scopes=[Scope.TOKENS], now=now
        ),
    ):
        with pytest.raises(CreationFrozen, match="laptop was stolen"):
            create()
    assert list(Token.objects.all()) == [token]
    assert TokenRequest.objects.get().answered_at is None
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
    create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="90d", now=now)
    freeze_creation(actor=cast.as_alice, account=cast.acme, reason="Again", now=now)
    lift_freeze(actor=cast.as_alice, account=cast.acme, now=now)
    lift_freeze(actor=cast.as_alice, account=cast.acme, now=now)
    made(cast, now, "New")
    recorded = AuditEvent.objects.filter(event__startswith="account.creation").order_by("pk")
    assert [(event.event, event.details, event.actor_label) for event in recorded] == [
        ("account.creation_frozen", {"reason": WHY}, "alice@acme.example"),
        ("account.creation_freeze_lifted", {"reason": WHY}, "alice@acme.example"),
    ]


def test_only_administrators_and_the_operator_freeze_and_theirs_stays_until_they_lift_it(
    cast: Cast, now: datetime
) -> None:
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound)):
        for act in (freeze_creation, lift_freeze):
            with pytest.raises(problem):
                act(actor=actor, account=cast.acme, now=now, **({"reason": WHY} if act is freeze_creation else {}))
    with pytest.raises(Invalid):
        freeze_creation(actor=cast.as_alice, account=cast.acme, reason=" ", now=now)
    freeze_creation(actor=cast.as_alice, account=cast.acme, reason=WHY, now=now)
    assert freeze_creation(actor=OPERATOR, account=cast.acme, reason="Ours", now=now).by_operator
    with pytest.raises(NotPermitted, match="operator"):
        lift_freeze(actor=cast.as_alice, account=cast.acme, now=now)
    lift_freeze(actor=OPERATOR, account=cast.acme, now=now)
    made(cast, now)


def test_freeze_from_console_program_and_command_line(cast: Cast, now: datetime, simsim: Simsim) -> None:
    alice, bob = sign_in(cast.alice), sign_in(cast.bob)
    page, account = f"/accounts/{cast.acme.pk}/incident/", ("--account", str(cast.acme.pk))
    assert alice.post(page, {"press": "freeze", "reason": ""}).status_code == 422
    assert "until the freeze is lifted" in text_of(alice.post(page, {"press": "freeze", "reason": WHY}, follow=True))
    for client, address in ((bob, ""), (alice, "tokens/"), (alice, "tokens/new/"), (alice, "incident/")):
        assert WHY in text_of(client.get(f"/accounts/{cast.acme.pk}/{address}")), address
    refused = alice.post(f"/accounts/{cast.acme.pk}/tokens/new/", {"name": "New", "expires": "30d"})
    assert (refused.status_code, WHY in text_of(refused)) == (409, True)
    shown = simsim("incident", "show", *account)
    assert (shown["frozen"], shown["reason"], shown["frozen_by"]) == (True, WHY, "alice@acme.example")
    assert "Tokens can be created again" in text_of(alice.post(page, {"press": "lift"}, follow=True))
    program, path = program_of_alice(cast, now, Scope.READ, Scope.TOKENS), f"/accounts/{cast.acme.pk}/creation-freeze"
    assert program.send("PUT", path, {"reason": WHY}).json()["frozen"] is True
    refused = program.post(f"/accounts/{cast.acme.pk}/tokens", {"name": "New", "expires": "30d"})
    assert (refused.status_code, refused.json()["type"].endswith("#creation-frozen")) == (409, True)
    assert program.send("DELETE", path).status_code == 204
    assert program.get(path).json() == {"frozen": False, "reason": None, "frozen_at": None, "frozen_by": None}
    assert simsim("incident", "freeze", *account, "--reason", "Ours")["frozen_by"] == "operator"
    assert "only they" in simsim("incident", "lift", *account, "--as", "alice@acme.example", fails=5)
    assert simsim("incident", "lift", *account)["frozen"] is False
