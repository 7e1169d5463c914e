"""Tokens that live long, or that any address may use, need the approval of a second administrator (B10)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from api_client import Program, management_token, program_of_alice
from cast import Cast
from concurrency import race
from console_client import sign_in, text_of
from simsim.accounts.actions import add_user, change_role
from simsim.accounts.models import Role, User
from simsim.accounts.permissions import OPERATOR, Actor, PortalGrant, actor_of
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.problem import (
    AlreadyAnswered,
    AlreadyExists,
    ApprovalRequired,
    AskerNotAdministrator,
    CreationFrozen,
    Invalid,
    NotFound,
    NotInThisSession,
    NotPermitted,
    OwnRequest,
    PasswordNotKept,
    Problem,
    TooManyRequested,
)
from simsim.tokens import approval
from simsim.tokens.actions import create_token, edit_token, rotate_token, show_credentials
from simsim.tokens.approval import approve_request, ask_for_approval
from simsim.tokens.creation_freeze import freeze_creation
from simsim.tokens.models import HandOver, Token, TokenRequest
from simsim.tokens.policies import policies_of, set_account_policy, set_floor
from simsim.tokens.policy_rules import tokens_outside
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_import import Draft, import_tokens
from simsim.tokens.token_requests import ask_for_token, decline_request, delete_answered
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B10")]
OFFICE = "198.51.100.0/24"
RULES: dict[str, Any] = {"approval_above_days": 30, "approval_if_open": True}


@pytest.fixture
def dora(cast: Cast, now: datetime) -> User:
    """A second administrator, and the rules for approvals."""
    user = add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role=Role.ADMINISTRATOR, now=now).user
    chosen(cast, now, **RULES)
    return user


def chosen(cast: Cast, now: datetime, *, with_operator: bool = False, **choices: object) -> None:
    set_account_policy(actor=cast.as_alice, account=cast.acme, choices=choices, with_operator=with_operator, now=now)


def made(cast: Cast, now: datetime, *networks: str, **given: Any) -> Token:
    values = {"name": f"T{Token.objects.count()}", "expires": "30d"} | given
    return create_token(actor=cast.as_alice, account=cast.acme, allowed_networks=networks, now=now, **values)[0]


def asked(cast: Cast, now: datetime, *networks: str, actor: Actor | None = None, **given: Any) -> TokenRequest:
    fields = TokenFields(**{"name": "Long", "expires": "365d", "allowed_networks": networks} | given)
    return ask_for_approval(actor=actor or cast.as_alice, account=cast.acme, fields=fields, now=now)


def fresh(request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.select_related("account", "asked_by", "software").get(pk=request.pk)


def refused(cast: Cast, now: datetime, *networks: str, **given: Any) -> set[str]:
    """Return the fields for which a token needs an approval; nothing was created."""
    before = Token.objects.count()
    with pytest.raises(ApprovalRequired) as caught:
        made(cast, now, *networks, **given)
    assert Token.objects.count() == before
    return {error.field for error in caught.value.errors}


def outside(cast: Cast, now: datetime) -> dict[str, set[str]]:
    found = tokens_outside(cast.acme, policies_of(cast.acme).effective, actor=cast.as_alice, now=now)
    return {each.token.name: {reason.field for reason in each.reasons} for each in found}


def test_long_and_open_tokens_are_not_created_by_one_administrator(cast: Cast, dora: User, now: datetime) -> None:
    assert refused(cast, now, expires="32d") == {"expires_at", "allowed_networks"}
    assert refused(cast, now, OFFICE, expires="32d") == {"expires_at"}
    for networks, report_only in (((), False), (("0.0.0.0/1", "128.0.0.0/1"), False), ((OFFICE,), True)):
        assert refused(cast, now, *networks, report_only=report_only) == {"allowed_networks"}
    # The last allowed day counts in full, as for the longest lifetime.
    assert made(cast, now, OFFICE, expires=(now + timedelta(days=30)).date().isoformat()).name
    draft = Draft(7, cast.as_alice, cast.acme, TokenFields("Imported", "90d"))
    with pytest.raises(Invalid, match="needs the approval of a second administrator") as caught:
        import_tokens([draft], now=now)
    assert [error.field for error in caught.value.errors] == ["line 7, expires_at", "line 7, allowed_networks"]


def test_approved_token_is_the_askers_and_exactly_what_they_asked_for(cast: Cast, dora: User, now: datetime) -> None:
    request = asked(cast, now, description="Export", software="excel", limits=["GET /a/**"], rates=["10/s"])
    assert asked(cast, now, description="Export", software="excel", limits=["GET /a/**"], rates=["10/s"]) == request
    mails = OwedMail.objects.filter(kind="token_approval_requested")
    assert [mail.recipient for mail in mails] == ["dora@acme.example"], "not the one who asks"
    later = now + timedelta(days=2)
    token = approve_request(actor=actor_of(dora), request=request, now=later)
    assert (token.name, token.description, token.created_by, token.limit_rules, token.rate_rules) == (
        "Long", "Export", cast.alice, ["GET /a/**"], ["10/s"],
    )  # fmt: skip
    assert token.expires_at.date() == (now + timedelta(days=366)).date(), "the date that the approver saw"
    request.refresh_from_db()
    assert (request.answer, request.answered_by_label, request.token) == ("granted", dora.email, token)
    trail = AuditEvent.objects.filter(event__startswith="token.").order_by("pk").values_list("event", "actor_label")
    assert list(trail) == [
        ("token.requested", "alice@acme.example"), ("token.created", dora.email), ("token.request_granted", dora.email),
    ]  # fmt: skip
    assert OwedMail.objects.get(kind="token_approval_answered").recipient == "alice@acme.example"
    assert show_credentials(actor=cast.as_alice, token=token, now=later).password
    assert outside(cast, later) == {}


def test_nobody_approves_their_own_request_by_any_door(cast: Cast, dora: User, now: datetime) -> None:
    request = asked(cast, now)
    for actor, problem in (
        (cast.as_alice, OwnRequest), (cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted),
        (Actor("alice@acme.example", cast.alice, management_token="x"), OwnRequest),
        (Actor(dora.email, dora, portal=PortalGrant(cast.acme.pk, "administrator")), NotInThisSession),
    ):  # fmt: skip
        with pytest.raises(problem):
            approve_request(actor=actor, request=request, now=now)
    path = f"/api/v1/accounts/{cast.acme.pk}/token-requests/{request.pk}/approve"
    assert program_of_alice(cast, now, Scope.TOKENS).post(path).status_code == 403
    change_role(actor=cast.as_alice, account=cast.acme, user=dora, role=Role.MEMBER, now=now)
    with pytest.raises(NotPermitted):
        approve_request(actor=actor_of(dora), request=request, now=now)
    with pytest.raises(NotInThisSession):
        asked(
            cast, now, actor=Actor("alice@acme.example", cast.alice, portal=PortalGrant(cast.acme.pk, "administrator"))
        )
    assert Token.objects.count() == 0


def test_request_can_not_be_granted_with_other_fields(cast: Cast, dora: User, now: datetime) -> None:
    request = asked(cast, now)
    with pytest.raises(Invalid, match="waits for the approval"):
        create_token(
            actor=actor_of(dora), account=cast.acme, name="Other", expires="5d", allowed_networks=[OFFICE],
            request=request, now=now,
        )  # fmt: skip
    with pytest.raises(Invalid, match="Withdraw it before"):
        asked(cast, now, expires="400d")
    decline_request(actor=cast.as_alice, request=request, now=now)
    assert not OwedMail.objects.filter(kind="token_approval_answered").exists(), "nobody tells them what they did"
    with pytest.raises(AlreadyAnswered):
        approve_request(actor=actor_of(dora), request=request, now=now)
    again = asked(cast, now, expires="400d")
    decline_request(actor=actor_of(dora), request=again, now=now)
    assert OwedMail.objects.get(kind="token_approval_answered").facts["is_approved"] is False
    bobs = ask_for_token(actor=cast.as_bob, account=cast.acme, name="Bob's", purpose="P", now=now)
    with pytest.raises(Invalid, match="A member asked"):
        approve_request(actor=actor_of(dora), request=bobs, now=now)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda cast, dora, now: chosen(cast, now, max_lifetime_days=90), Invalid),
        (lambda cast, dora, now: chosen(cast, now, needs_allowlist=True), Invalid),
        (lambda cast, dora, now: freeze_creation(actor=OPERATOR, account=cast.acme, reason="R", now=now),
         CreationFrozen),
        (lambda cast, dora, now: made(cast, now, OFFICE, name="LONG"), AlreadyExists),
        (
            lambda cast, dora, now: change_role(
                actor=actor_of(dora), account=cast.acme, user=cast.alice, role=Role.MEMBER, now=now
            ),
            AskerNotAdministrator,
        ),
    ],
)  # fmt: skip
def test_approval_counts_under_the_rules_of_its_moment(
    cast: Cast, dora: User, now: datetime, change: Any, problem: type[Problem]
) -> None:
    request = asked(cast, now)
    change(cast, dora, now)
    before = Token.objects.count()
    with pytest.raises(problem):
        approve_request(actor=actor_of(dora), request=request, now=now)
    assert Token.objects.count() == before
    request.refresh_from_db()
    assert request.answer == ""


def test_request_that_waited_too_long_creates_nothing(cast: Cast, dora: User, now: datetime) -> None:
    request = asked(cast, now)
    with pytest.raises(Invalid, match="in the past"):
        approve_request(actor=actor_of(dora), request=request, now=now + timedelta(days=367))


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_approvals_and_a_decline_at_once_make_one_answer(cast: Cast, dora: User, now: datetime) -> None:
    other = add_user(actor=OPERATOR, account=cast.acme, email="eve@acme.example", role=Role.ADMINISTRATOR, now=now).user
    request = asked(cast, now)

    def approve(user: User) -> None:
        approve_request(actor=actor_of(user), request=fresh(request), now=now)

    def decline() -> None:
        decline_request(actor=actor_of(dora), request=fresh(request), now=now)

    outcomes = race(lambda: approve(dora), lambda: approve(other), decline)
    assert outcomes in (["AlreadyAnswered", "AlreadyAnswered", "done"], ["AlreadyAnswered", "done", "done"])
    request.refresh_from_db()
    assert Token.objects.count() == (1 if request.answer == "granted" else 0)
    assert OwedMail.objects.filter(kind="token_approval_answered").count() == 1
    assert AuditEvent.objects.filter(event__in=["token.request_granted", "token.request_declined"]).count() == 1


def test_existing_token_is_not_opened_by_an_edit(cast: Cast, dora: User, now: datetime) -> None:
    token = made(cast, now, OFFICE)
    changes: list[dict[str, Any]] = [
        {"allowed_networks": []}, {"allowed_networks": ["0.0.0.0/0"]}, {"report_only": True},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(Invalid, match="Ask for a new token"):
            edit_token(actor=cast.as_alice, token=token, now=now, **change)
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], description="Other", now=now)
    # What lengthens nothing needs no second person.
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=7), now=now)
    opened = approve_request(actor=actor_of(dora), request=asked(cast, now), now=now)
    edit_token(actor=cast.as_alice, token=opened, allowed_networks=["0.0.0.0/0"], now=now)


def test_page_lists_tokens_that_nobody_approved(cast: Cast, dora: User, now: datetime) -> None:
    chosen(cast, now, with_operator=True, approval_above_days=None, approval_if_open=False)
    made(cast, now, OFFICE, name="Long before", expires="90d")
    made(cast, now, name="Open before")
    chosen(cast, now, approval_above_days=30)
    closed = approve_request(actor=actor_of(dora), request=asked(cast, now, OFFICE), now=now)
    edit_token(actor=cast.as_alice, token=closed, allowed_networks=[], now=now)
    chosen(cast, now, **RULES)
    assert outside(cast, now) == {
        "Long before": {"expires_at"}, "Open before": {"allowed_networks"}, "Long": {"allowed_networks"},
    }, "its approval was for a list"  # fmt: skip


def test_one_administrator_can_not_loosen_the_rule_or_be_its_only_approver(
    cast: Cast, dora: User, now: datetime
) -> None:
    for choices in ({"approval_above_days": 31}, {"approval_above_days": None}, {"approval_if_open": False}):
        with pytest.raises(Invalid, match="Only the operator"):
            chosen(cast, now, **choices)
    chosen(cast, now, approval_above_days=7, max_lifetime_days=400)
    chosen(cast, now, with_operator=True, approval_above_days=None, approval_if_open=False)
    change_role(actor=cast.as_alice, account=cast.acme, user=dora, role=Role.MEMBER, now=now)
    with pytest.raises(Invalid, match="Add a second administrator first") as caught:
        chosen(cast, now, approval_above_days=30)
    assert [error.field for error in caught.value.errors] == ["approval_above_days"]
    # The installation's rule applies anyway, and the request waits for a second administrator.
    set_floor(actor=OPERATOR, choices=RULES, now=now)
    assert refused(cast, now) == {"allowed_networks"}
    request = asked(cast, now)
    with pytest.raises(OwnRequest):
        approve_request(actor=cast.as_alice, request=request, now=now)
    change_role(actor=cast.as_alice, account=cast.acme, user=dora, role=Role.ADMINISTRATOR, now=now)
    assert approve_request(actor=actor_of(dora), request=request, now=now).created_by == cast.alice


def test_where_no_passwords_are_kept_the_asker_rotates(cast: Cast, dora: User, now: datetime) -> None:
    chosen(cast, now, retrieval="off")
    token = approve_request(actor=actor_of(dora), request=asked(cast, now), now=now)
    with pytest.raises(PasswordNotKept):
        show_credentials(actor=cast.as_alice, token=token, now=now)
    assert OwedMail.objects.get(kind="token_approval_answered").facts["is_password_kept"] is False
    rotated, credentials = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
    assert credentials.password
    assert rotated.expires_at == token.expires_at


def test_member_gets_the_token_once_it_is_approved(cast: Cast, dora: User, now: datetime) -> None:
    bobs = ask_for_token(actor=cast.as_bob, account=cast.acme, name="Report", purpose="P", now=now)
    fields = TokenFields("Report", "365d")
    request = ask_for_approval(actor=cast.as_alice, account=cast.acme, fields=fields, request=bobs, now=now)
    token = approve_request(actor=actor_of(dora), request=request, now=now)
    bobs.refresh_from_db()
    assert (bobs.answer, bobs.token) == ("granted", token)
    assert HandOver.objects.get().recipient == cast.bob


def test_asker_has_a_limited_number_of_waiting_requests(
    cast: Cast, dora: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "MAX_WAITING", 2)
    for number in range(2):
        asked(cast, now, name=f"T{number}")
    with pytest.raises(TooManyRequested):
        asked(cast, now, name="One more")
    with transaction.atomic():
        assert TokenRequest.objects.count() == 2


def test_approval_is_kept_as_long_as_its_token(cast: Cast, dora: User, now: datetime) -> None:
    approve_request(actor=actor_of(dora), request=asked(cast, now), now=now)
    decline_request(actor=actor_of(dora), request=asked(cast, now, name="Declined"), now=now)
    assert delete_answered(now + timedelta(days=300)) == 1
    assert delete_answered(now + timedelta(days=367)) == 1


def test_program_asks_waits_and_gets_the_token(cast: Cast, dora: User, now: datetime) -> None:
    mine, hers = (
        Program.of(management_token(actor, cast.acme, Scope.TOKENS, now=now)[1])
        for actor in (cast.as_alice, actor_of(dora))
    )
    tokens, requests = (f"/accounts/{cast.acme.pk}/{name}" for name in ("tokens", "token-requests"))
    body = {"name": "Nightly", "expires": "365d"}
    refusal = mine.post(tokens, body)
    assert refusal.status_code == 403
    assert refusal.json()["type"].endswith("approval-required")
    assert {error["field"] for error in refusal.json()["errors"]} == {"expires", "allowed_networks"}
    asked = mine.post(requests, body, idempotency_key="build-1")
    assert (asked.status_code, asked.json()["answer"], asked.json()["proposal"]["allowed_networks"]) == (201, None, [])
    path = f"{requests}/{asked.json()['id']}"
    assert asked["Location"].endswith(path)
    assert mine.post(f"{path}/approve").status_code == 403
    assert hers.post(f"{path}/approve").json()["answer"] == "granted"
    token_id = mine.get(path).json()["token_id"]
    assert mine.post(f"{tokens}/{token_id}/credentials").json()["password"]
    assert hers.post(f"{path}/approve").status_code == 409


def test_operator_acts_for_two_administrators_on_the_server(cast: Cast, dora: User, simsim: Simsim) -> None:
    account = ("--account", str(cast.acme.pk))
    alice, other = ("--as", "alice@acme.example"), ("--as", dora.email)
    wanted = ("--name", "Nightly", "--expires", "365d", "--allow", OFFICE, "--read-only")
    assert "Ask for the approval" in simsim("token", "create", *account, *alice, *wanted, fails=5)
    asked = simsim("token-request", "ask", *account, *alice, *wanted)
    assert [each["id"] for each in simsim("token-request", "list", *account)["items"]] == [asked["id"]]
    simsim("token-request", "approve", asked["id"], *account, *alice, fails=5)
    granted = simsim("token-request", "approve", asked["id"], *account, *other)
    assert simsim("token-request", "show", asked["id"], *account, *alice) == granted
    assert simsim("token", "show", granted["token_id"])["created_by"] == "alice@acme.example"
    loosened = simsim("policy", "set", *account, *alice, "--approval-above", "none", "--no-approval-if-open")
    assert (loosened["approval_above_days"], loosened["approval_if_open"]) == (None, False)


def test_pages_say_who_is_missing(cast: Cast, now: datetime) -> None:
    set_floor(actor=OPERATOR, choices=RULES, now=now)
    client, account = sign_in(cast.alice), f"/accounts/{cast.acme.pk}/"
    policy = text_of(client.get(f"{account}policies/"))
    assert "This account has only one administrator." in policy
    assert "The operator of this API allows at most 30." in policy
    form = {"name": "Nightly", "expires": "90d", "network": OFFICE}
    page = client.post(f"{account}tokens/new/", form)
    assert page.status_code == 403
    assert "You are the only administrator of this account" in text_of(page)
    assert "Your request for “Nightly” was sent" in text_of(
        client.post(f"{account}tokens/new/", form | {"press": "ask"}, follow=True)
    )
    request = TokenRequest.objects.get()
    page = client.post(f"{account}requests/{request.pk}/")
    assert (page.status_code, Token.objects.count()) == (403, 0)
    assert "You asked for this approval yourself." in text_of(page)
    assert "was withdrawn" in text_of(client.post(f"{account}requests/{request.pk}/decline/", follow=True))
