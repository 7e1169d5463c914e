"""An incident in an account: nobody creates tokens while it is frozen, and many are stopped at once (B18)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from api_client import program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.actions import create_management_token
from simsim.management_tokens.models import Scope
from simsim.problem import CreationFrozen, Invalid, NotFound, NotPermitted, SelectionChanged
from simsim.request_log.models import TokenAddressDay, TokenUse
from simsim.rfc3339 import format_time
from simsim.tokens import selection_change
from simsim.tokens.actions import create_token, revoke_token, rotate_token
from simsim.tokens.creation_freeze import freeze_creation, lift_freeze
from simsim.tokens.credential_import import Brought, CredentialImport
from simsim.tokens.foreign_credentials import ForeignCredentials
from simsim.tokens.models import Status, Token, TokenRequest
from simsim.tokens.pause import pause_token, resume_token
from simsim.tokens.selection_acts import Act, Change
from simsim.tokens.selection_change import STEP, Changed, change_selection
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_filters import TokenFilter
from simsim.tokens.token_import import Draft, import_tokens
from simsim.tokens.token_requests import ask_for_token
from simsim.tokens.token_selection import select_tokens
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


def chosen(cast: Cast, now: datetime, **given: Any) -> tuple[set[str], str]:
    """Return the names of the tokens that the filters choose, and the fingerprint."""
    found = select_tokens(cast.acme, actor=cast.as_alice, chosen=TokenFilter(**given), now=now)
    return {token.name for token in found.tokens}, found.fingerprint


def stopped(cast: Cast, now: datetime, act: Act, reason: str = "", **given: Any) -> Changed:
    return change_selection(
        actor=cast.as_alice, account=cast.acme, change=Change(act, reason), chosen=TokenFilter(**given),
        fingerprint=chosen(cast, now, **given)[1], now=now,
    )  # fmt: skip


def used(token: Token, at: datetime, address: str) -> None:
    TokenUse.objects.create(token_id=token.pk, account_id=token.account_id, used_at=at, address=address)
    TokenAddressDay.objects.create(
        token_id=token.pk, account_id=token.account_id, day=at.date(), address=address, accepted=1
    )


def test_each_filter_chooses_its_tokens_and_none_of_another_account(cast: Cast, now: datetime) -> None:
    day = timedelta(days=1)
    old = made(cast, now - 9 * day, "Old", allowed_networks=["198.51.100.0/24"])
    made(cast, now, "New", allowed_networks=["2001:db8::/32"])
    ended = made(cast, now, "Ended")
    revoke_token(actor=cast.as_alice, token=ended, now=now)
    foreign, _ = create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="90d", now=now)
    fetch = made(cast, now, "Open", software="power-bi")
    used(old, now - 5 * day, "203.0.113.9")
    used(fetch, now - day, "2001:db8:7::1")
    used(foreign, now, "203.0.113.9")
    for given, names in (
        ({}, {"Old", "New", "Open"}),
        ({"creator": "ALICE@acme.example"}, {"Old", "New", "Open"}),
        ({"creator": "bob@acme.example"}, set()),
        ({"software": "power-bi"}, {"Open"}),
        ({"allows": "198.51.100.7"}, {"Old", "Open"}),
        ({"allows": "2001:db8::1"}, {"New", "Open"}),
        ({"used_from": "203.0.113.0/24"}, {"Old"}),
        ({"used_from": "2001:db8::/32"}, {"Open"}),
        ({"created_before": now}, {"Old"}),
        ({"used_before": now - 2 * day}, {"Old", "New"}),
        ({"used_after": now - 2 * day}, {"Open"}),
        ({"used_after": now - 9 * day, "software": "power-bi"}, {"Open"}),
    ):
        assert chosen(cast, now, **given)[0] == names, given
    for bad in ({"allows": "10.0.0.0/8"}, {"used_from": "here"}, {"creator": "a\0"}):
        with pytest.raises(Invalid):
            chosen(cast, now, **bad)
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound)):
        with pytest.raises(problem):
            select_tokens(cast.acme, actor=actor, chosen=TokenFilter(), now=now)


def test_exactly_the_previewed_tokens_are_stopped_with_an_event_each_and_one_email(cast: Cast, now: datetime) -> None:
    tokens = [made(cast, now, f"T{number}") for number in range(STEP + 2)]
    kept = made(cast, now, "Kept", software="power-bi")
    OwedMail.objects.all().delete()
    before = chosen(cast, now)[1]
    pause_token(actor=cast.as_alice, token=kept, now=now)
    with pytest.raises(SelectionChanged):
        change_selection(
            actor=cast.as_alice, account=cast.acme, change=Change(Act.REVOKE), chosen=TokenFilter(), fingerprint=before,
            now=now,
        )  # fmt: skip
    with pytest.raises(NotPermitted):
        change_selection(
            actor=OPERATOR, account=cast.acme, change=Change(Act.PAUSE), chosen=TokenFilter(), fingerprint=before,
            now=now,
        )  # fmt: skip
    assert not Token.objects.exclude(revoked_at=None).exists()
    resume_token(actor=cast.as_alice, token=kept, now=now)
    OwedMail.objects.all().delete()
    assert stopped(cast, now, Act.PAUSE, "Who knows", created_before=now).document() == {"stopped": 0, "changed": []}
    done = stopped(cast, now, Act.PAUSE, "Who knows", creator="alice@acme.example")
    assert (done.number, done.changed) == (STEP + 3, [])
    resume_token(actor=cast.as_alice, token=kept, now=now)
    assert stopped(cast, now, Act.REVOKE, "leaked", used_before=now).number == STEP + 3
    assert {token.status(now) for token in Token.objects.all()} == {Status.REVOKED}
    acts = AuditEvent.objects.filter(event="token.selection_stopped").order_by("pk")
    assert [event.details for event in acts] == [
        {"act": "pause", "count": STEP + 3, "filters": {"creator": "alice@acme.example"}, "reason": "Who knows"},
        {"act": "revoke", "count": STEP + 3, "filters": {"used_before": format_time(now)}, "reason": "leaked"},
    ]
    for event in ("token.paused", "token.revoked"):
        events = AuditEvent.objects.filter(event=event, subject_id__in=[str(token.pk) for token in tokens])
        assert events.count() == len(tokens)
    mails = OwedMail.objects.filter(kind="tokens_stopped").order_by("pk")
    assert [(mail.recipient, mail.facts["change"], mail.facts["count"]) for mail in mails] == [
        ("alice@acme.example", "pause", STEP + 3), ("alice@acme.example", "revoke", STEP + 3),
    ]  # fmt: skip
    assert not OwedMail.objects.filter(kind__in=["token_revoked", "token_paused"]).exists()


def test_token_that_changes_while_others_are_stopped_is_named_and_left_alone(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        made(cast, now, f"T{number}")
    monkeypatch.setattr(selection_change, "STEP", 2)
    last = Token.objects.get(name="T2")

    def rest(seconds: float) -> None:
        del seconds
        if Token.objects.get(pk=last.pk).rotated_at is None:
            rotate_token(actor=cast.as_alice, token=last, overlap=timedelta(0), now=now)

    monkeypatch.setattr(selection_change, "rest", rest)
    done = stopped(cast, now, Act.REVOKE)
    assert (done.number, done.changed) == (2, ["T2"])
    assert Token.objects.get(pk=last.pk).status(now) == Status.ACTIVE


def test_program_and_command_line_stop_what_they_previewed(cast: Cast, now: datetime, simsim: Simsim) -> None:
    made(cast, now, "One", software="power-bi")
    made(cast, now, "Two")
    program, path = program_of_alice(cast, now, Scope.READ, Scope.TOKENS), f"/accounts/{cast.acme.pk}/token-selection"
    preview = program.post(f"{path}/preview", {"software": "power-bi"}).json()
    assert [item["name"] for item in preview["items"]] == ["One"]
    body = {"software": "power-bi", "act": "revoke", "reason": "leaked", "fingerprint": preview["fingerprint"]}
    assert program.post(f"{path}/stop", body | {"software": ""}).status_code == 409
    assert program.post(f"{path}/stop", body).json() == {"stopped": 1, "changed": []}
    assert program.post(f"{path}/preview", {"used_after": "now"}).status_code == 422
    account = ("--account", str(cast.acme.pk))
    found = simsim("incident", "preview", *account, "--creator", "alice@acme.example")
    assert ([item["name"] for item in found["items"]], found["count"]) == (["Two"], 1)
    stop = ("incident", "stop", *account, "--as", "alice@acme.example", "--act", "pause", "--reason", WHY)
    assert "Nothing was changed" in simsim(*stop, "--fingerprint", "x", fails=4)
    given = ("--creator", "alice@acme.example", "--fingerprint", found["fingerprint"])
    assert simsim(*stop, *given) == {"stopped": 1, "changed": []}
    assert Token.objects.get(name="Two").pause_reason == WHY
