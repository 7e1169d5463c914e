"""Policies for tokens: what they refuse, what they leave alone, and passwords that are not kept (B10)."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from api_client import program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from simsim.accounts.actions import add_user
from simsim.accounts.models import Account, Role, User
from simsim.accounts.permissions import OPERATOR, Actor, actor_of
from simsim.audit.models import AuditEvent
from simsim.credential.password import whole_ones
from simsim.leak_reports.actions import ReportedPassword, report_leaks
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.problem import Invalid, NotFound, NotPermitted, PasswordNotKept, Problem, RetrievalLimited
from simsim.request_log.models import TokenUse
from simsim.request_log.nodes import WorkerNode
from simsim.tokens.actions import (
    create_token,
    edit_token,
    revoke_token,
    rotate_token,
    show_credentials,
    try_credentials,
)
from simsim.tokens.hand_over import hand_over_token, open_link
from simsim.tokens.idle_tokens import treat_idle
from simsim.tokens.key_rotation import encrypt_anew
from simsim.tokens.models import HandOver, Status, Token
from simsim.tokens.pause import resume_token
from simsim.tokens.policies import policies_of, set_account_policy, set_floor
from simsim.tokens.policy_models import IdleWarning
from simsim.tokens.policy_rules import tokens_outside
from simsim.tokens.token_credentials import TokenCredentials
from simsim.tokens.token_requests import ask_for_token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B10")]
WIDE, NARROW = "10.0.0.0/8", "198.51.100.0/24"


def chosen(cast: Cast, now: datetime, **choices: object) -> None:
    set_account_policy(actor=cast.as_alice, account=cast.acme, choices=choices, now=now)


def made(actor: Actor, account: Account, now: datetime, *networks: str, **given: Any) -> tuple[Token, TokenCredentials]:
    values = {"name": f"T{Token.objects.count()}", "expires": "90d"} | given
    return create_token(actor=actor, account=account, allowed_networks=networks, now=now, **values)


def refused(cast: Cast, now: datetime, *networks: str, **given: Any) -> set[str]:
    """Return the fields that the policy refuses; nothing was created."""
    before = Token.objects.count()
    with pytest.raises(Invalid) as caught:
        made(cast.as_alice, cast.acme, now, *networks, **given)
    assert Token.objects.count() == before
    return {error.field for error in caught.value.errors}


@pytest.fixture
def dora(cast: Cast, now: datetime) -> User:
    return add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role=Role.ADMINISTRATOR, now=now).user


def test_policy_refuses_new_tokens_that_do_not_meet_it_and_stops_no_other(cast: Cast, now: datetime) -> None:
    old, _ = made(cast.as_alice, cast.acme, now, expires="400d")
    chosen(cast, now, max_lifetime_days=90, needs_allowlist=True, min_ipv4_prefix=24, min_ipv6_prefix=48)
    assert refused(cast, now, expires="92d") == {"expires_at", "allowed_networks"}
    assert refused(cast, now, WIDE, NARROW, "2001:db8::/32") == {"allowed_networks.0", "allowed_networks.2"}
    assert refused(cast, now, NARROW, report_only=True) == {"report_only"}
    good, _ = made(cast.as_alice, cast.acme, now, NARROW, "2001:db8::/48")
    foreign, _ = made(cast.as_charlie, cast.globex, now, expires="400d")
    (outside,) = tokens_outside(cast.acme, policies_of(cast.acme).effective, actor=cast.as_alice, now=now)
    assert (outside.token, {reason.field for reason in outside.reasons}) == (old, {"expires_at", "allowed_networks"})
    assert old.status(now) == foreign.status(now) == Status.ACTIVE
    # What is not about the policy can still be changed.
    edit_token(actor=cast.as_alice, token=old, description="Later", now=now)
    for networks in ([WIDE], []):
        with pytest.raises(Invalid):
            edit_token(actor=cast.as_alice, token=good, allowed_networks=networks, now=now)
    edit_token(actor=cast.as_alice, token=old, allowed_networks=[NARROW], now=now)
    revoke_token(actor=cast.as_alice, token=old, now=now)
    assert tokens_outside(cast.acme, policies_of(cast.acme).effective, actor=cast.as_alice, now=now) == []


def test_stricter_choice_of_account_and_installation_counts(cast: Cast, now: datetime) -> None:
    chosen(cast, now, max_lifetime_days=30, min_ipv4_prefix=16, leak_response="pause")
    set_floor(
        actor=OPERATOR, choices={"max_lifetime_days": 60, "min_ipv4_prefix": 24, "leak_response": "revoke"}, now=now
    )
    effective = policies_of(cast.acme).effective
    assert (effective.max_lifetime_days, effective.min_ipv4_prefix, effective.leak_response) == (30, 24, "revoke")
    assert policies_of(cast.globex).effective.max_lifetime_days == 60
    recorded = AuditEvent.objects.filter(event="account.policy_changed").order_by("pk")
    assert [(event.account_id, event.details) for event in recorded] == [
        (cast.acme.pk, {
            "max_lifetime_days": [None, 30], "min_ipv4_prefix": [None, 16], "leak_response": ["revoke", "pause"],
        }),
        (None, {
            "max_lifetime_days": [None, 60], "min_ipv4_prefix": [None, 24], "leak_response": ["pause", "revoke"],
        }),
    ]  # fmt: skip
    chosen(cast, now, max_lifetime_days=30)
    assert recorded.count() == 2, "the same choice changes nothing"


def test_only_administrators_and_the_operator_choose(cast: Cast, now: datetime) -> None:
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted)):
        with pytest.raises(problem):
            set_account_policy(actor=actor, account=cast.acme, choices={"needs_allowlist": True}, now=now)
    with pytest.raises(NotFound):
        set_floor(actor=cast.as_alice, choices={"needs_allowlist": True}, now=now)
    bad = {"max_lifetime_days": 0, "min_ipv4_prefix": 33, "min_ipv6_prefix": True, "retrieval": "x", "more": 1}
    with pytest.raises(Invalid) as caught:
        chosen(cast, now, **bad)
    assert {error.field for error in caught.value.errors} == bad.keys()
    assert policies_of(cast.acme).effective == policies_of(cast.globex).effective


def test_only_the_creator_retrieves_where_the_policy_says_so(cast: Cast, dora: User, now: datetime) -> None:
    token, credentials = made(cast.as_alice, cast.acme, now)
    chosen(cast, now, retrieval="creator")
    for action in (show_credentials, hand_over_token):
        with pytest.raises(RetrievalLimited):
            action(actor=actor_of(dora), token=token, now=now)
    assert show_credentials(actor=cast.as_alice, token=token, now=now) == credentials
    assert try_credentials(actor=actor_of(dora), token=token, now=now) == credentials, "nobody sees a test"


def test_password_that_is_not_kept_can_not_be_read_by_anybody(cast: Cast, now: datetime) -> None:
    old, first = made(cast.as_alice, cast.acme, now)
    foreign, kept = made(cast.as_charlie, cast.globex, now)
    link = hand_over_token(actor=cast.as_alice, token=old, now=now)
    chosen(cast, now, retrieval="off")
    assert AuditEvent.objects.filter(event="account.policy_changed").get().details["destroyed"] == 1
    asked = ask_for_token(actor=cast.as_bob, account=cast.acme, name="W", purpose="P", software="", now=now)
    new, second = made(cast.as_alice, cast.acme, now, request=asked, name="W")
    rotated, third = rotate_token(actor=cast.as_alice, token=old, overlap=timedelta(hours=1), now=now)
    assert len({first.password, second.password, third.password}) == 3
    assert not HandOver.objects.filter(token=new).exists(), "there is nothing to hand over"
    for token in (rotated, new):
        assert bytes(Token.objects.get(pk=token.pk).sealed_password) == b""
        for action in (show_credentials, try_credentials, hand_over_token):
            with pytest.raises(PasswordNotKept):
                action(actor=cast.as_alice, token=token, now=now)
    with pytest.raises(Problem):
        open_link(link.url.partition("#")[2], code="", address="", now=now)
    assert list(encrypt_anew(settings.KEYRING)) == []
    assert show_credentials(actor=cast.as_charlie, token=foreign, now=now) == kept
    set_floor(actor=OPERATOR, choices={"retrieval": "off"}, now=now)
    assert bytes(Token.objects.get(pk=foreign.pk).sealed_password) == b""
    client = sign_in(cast.alice)
    page = client.post(f"/accounts/{cast.acme.pk}/tokens/{new.pk}/credentials/")
    assert (page.status_code, "so it can’t be shown. Rotate the token" in text_of(page)) == (409, True)
    assert whole_ones(page.content.decode()) == []


@pytest.mark.covers("B4")
def test_leaked_password_pauses_its_token_once_where_the_policy_says_so(cast: Cast, now: datetime) -> None:
    token, credentials = made(cast.as_alice, cast.acme, now)
    chosen(cast, now, leak_response="pause")
    report = ReportedPassword(credentials.password, source="github")
    assert [each.response for each in report_leaks([report], now=now)] == ["paused"]
    token.refresh_from_db()
    assert (token.status(now), token.paused_until) == (Status.PAUSED, None)
    resume_token(actor=cast.as_alice, token=token, now=now)
    assert report_leaks([report], now=now) == [], "a repeat does not undo what an administrator did"
    token.refresh_from_db()
    assert token.status(now) == Status.ACTIVE


def node_reports(now: datetime, **changed: Any) -> None:
    values = {"host": "a", "started_at": now, "round_at": now, "boot_id": "b", "boot_seconds": 1.0}
    values |= {"unshipped_since": None} | changed
    WorkerNode.objects.update_or_create(node="n", defaults=values)


def test_idle_token_is_paused_a_week_after_its_warning_and_a_used_one_is_not(cast: Cast, now: datetime) -> None:
    day = timedelta(days=1)
    idle, _ = made(cast.as_alice, cast.acme, now, name="Idle", expires="400d")
    used, _ = made(cast.as_alice, cast.acme, now, name="Used", expires="400d")
    made(cast.as_charlie, cast.globex, now, expires="400d")
    chosen(cast, now, max_idle_days=30)

    def treat(days: int, **node: Any) -> int:
        moment = now + days * day
        TokenUse.objects.update_or_create(
            token_id=used.pk, defaults={"account_id": cast.acme.pk, "used_at": moment - day}
        )
        node_reports(moment, **node)
        return treat_idle(now=moment)

    def status(token: Token, days: int) -> Status:
        return Token.objects.get(pk=token.pk).status(now + days * day)

    assert [treat(22), treat(23), treat(24)] == [0, 1, 0]
    (mail,) = OwedMail.objects.filter(kind="token_idle")
    assert (mail.recipient, mail.facts["token_name"], mail.facts["last_used"]) == ("alice@acme.example", "Idle", "")
    behind = {"unshipped_since": now + 29 * day}, {"round_at": now + 29 * day}
    assert [treat(31, **node) for node in behind] == [0, 0], "the log may lack a use"
    assert status(idle, 31) == Status.ACTIVE
    assert treat(31) == 1
    assert [status(idle, 31), status(used, 31)] == [Status.PAUSED, Status.ACTIVE]
    event = AuditEvent.objects.get(event="token.paused")
    assert (event.actor_label, event.details["reason"]) == ("policy for idle tokens", "Not used for 30 days")
    resume_token(actor=cast.as_alice, token=idle, now=now + 32 * day)
    assert [treat(32), treat(38), status(idle, 38)] == [1, 0, Status.ACTIVE], "warned again before the next pause"
    TokenUse.objects.create(token_id=idle.pk, account_id=cast.acme.pk, used_at=now + 38 * day)
    assert [treat(40), status(idle, 40)] == [0, Status.ACTIVE]
    assert not IdleWarning.objects.exists()


@pytest.mark.parametrize(
    ("longest", "offered", "chosen_first"),
    [(None, ["30d", "60d", "90d", "365d"], "90d"), (60, ["30d", "60d"], "60d"), (7, ["7d"], "7d")],
)
def test_form_offers_only_expiries_that_the_policy_allows(
    cast: Cast, now: datetime, longest: int | None, offered: list[str], chosen_first: str
) -> None:
    chosen(cast, now, max_lifetime_days=longest)
    address = f"/accounts/{cast.acme.pk}/tokens/new/"
    client = sign_in(cast.alice)
    page = client.get(address).content.decode()
    radios = re.findall(r'name="expires" value="(\w+)"\s*(checked)?', page)
    assert [value for value, _ in radios] == [*offered, "date"]
    assert [value for value, is_checked in radios if is_checked] == [chosen_first]
    [last] = re.findall(r'name="expires_on"[^>]*max="([0-9-]+)"', page)
    made_on_the_last_day = {"name": "Long", "expires": "date", "expires_on": last, "network": ""}
    assert client.post(address, made_on_the_last_day).status_code == 201
    assert client.post(address, {"name": "Short", "expires": chosen_first, "network": ""}).status_code == 201


def test_member_is_promised_a_page_with_the_password_only_where_passwords_are_kept(cast: Cast, now: datetime) -> None:
    bob, address = sign_in(cast.bob), f"/accounts/{cast.acme.pk}/"
    assert "page that shows you the username and password once" in text_of(bob.get(address))
    chosen(cast, now, retrieval="off")
    page = text_of(bob.get(address))
    assert "page that shows you" not in page
    assert "this account keeps no passwords" in page


def test_page_saves_shows_errors_and_lists_the_tokens_outside(cast: Cast, now: datetime) -> None:
    made(cast.as_alice, cast.acme, now, name="Open to all")
    client, address = sign_in(cast.alice), f"/accounts/{cast.acme.pk}/policies/"
    form = {"max_lifetime_days": "90", "min_ipv4_prefix": "24", "min_ipv6_prefix": "", "max_idle_days": "90",
            "needs_allowlist": "yes",
            "retrieval": "creator", "leak_response": "pause"}  # fmt: skip
    assert "Every token of this account meets the policy" in text_of(client.get(address))
    wrong = client.post(address, form | {"max_lifetime_days": "many", "retrieval": "x"})
    assert (wrong.status_code, wrong.content.decode().count("invalid-feedback")) == (422, 2)
    assert 'value="many"' in wrong.content.decode()
    assert client.post(address, form).status_code == 302
    page = text_of(client.get(address))
    assert "1 token was created under other rules" in page
    assert "Open to all A policy requires at least one allowed network." in page
    set_floor(actor=OPERATOR, choices={"max_lifetime_days": 60, "needs_allowlist": True}, now=now)
    assert "The operator of this API allows at most 60." in text_of(client.get(address))


def test_script_and_operator_choose_like_the_page(cast: Cast, now: datetime, simsim: Simsim) -> None:
    made(cast.as_alice, cast.acme, now, name="Open to all")
    program, path = program_of_alice(cast, now, Scope.TOKENS), f"/accounts/{cast.acme.pk}/policies"
    etag = program.get(path).headers["ETag"]
    assert program.send("PUT", path, {"needs_allowlist": True}).status_code == 428
    put = program.send("PUT", path, {"needs_allowlist": True}, If_Match=etag)
    assert put.json()["policy"]["needs_allowlist"] is True
    assert [each["name"] for each in put.json()["tokens_outside"]] == ["Open to all"]
    assert program.send("PUT", path, {"needs_allowlist": False}, If_Match=etag).status_code == 412
    account = ("--account", str(cast.acme.pk))
    assert simsim("policy", "set", "--max-lifetime", "60", "--retrieval", "creator")["max_lifetime_days"] == 60
    changed = simsim("policy", "set", *account, "--as", "alice@acme.example", "--max-lifetime", "none")
    assert (changed["max_lifetime_days"], changed["needs_allowlist"]) == (60, True)
    assert simsim("policy", "show", *account) == changed
    assert [each["name"] for each in simsim("policy", "outside", *account)["items"]] == ["Open to all"]
    assert "together" in simsim("policy", "set", *account, "--max-lifetime", "1", fails=2)
    assert "number or none" in simsim("policy", "set", "--widest-ipv4", "x", fails=2)
