"""Pausing and resuming tokens: who may, what it changes, and what everyone is told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from console_client import list_of, names_in, sign_in, text_of
from simsim.accounts.actions import add_user
from simsim.accounts.models import Role
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.problem import Invalid, NotFound, NotPermitted, TokenNotActive
from simsim.tokens.actions import create_token, edit_token, revoke_token, rotate_token, show_credentials
from simsim.tokens.models import Status, Token
from simsim.tokens.pause import pause_token, resume_token
from simsim.tokens.rotation_overlap import PasswordState, password_state
from simsim.tokens.selectors import documents, tokens_of
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B13")]
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


def events(token: Token) -> list[tuple[str, str, dict[str, Any]]]:
    found = AuditEvent.objects.filter(subject_id=str(token.pk), event__in=["token.paused", "token.resumed"])
    return list(found.order_by("pk").values_list("event", "actor_label", "details"))


def test_pause_is_recorded_and_its_status_ends_with_it(cast: Cast, token: Token, now: datetime) -> None:
    paused = pause_token(actor=cast.as_alice, token=token, until="2h", reason="  Odd requests ", now=now)
    assert [paused.status(now), paused.status(now + 2 * HOUR - TICK)] == [Status.PAUSED, Status.PAUSED]
    assert [paused.status(now + 2 * HOUR), paused.status(paused.expires_at)] == [Status.ACTIVE, Status.EXPIRED]
    (document,) = documents([paused], now=now)
    assert (document["status"], document["paused_by"], document["pause_reason"]) == (
        "paused", "alice@acme.example", "Odd requests",
    )  # fmt: skip
    (over,) = documents([paused], now=now + 2 * HOUR)
    assert [over[key] for key in ("status", "paused_at", "paused_by", "paused_until", "pause_reason")] == [
        "active", None, None, None, None,
    ]  # fmt: skip
    until = (now + 2 * HOUR).isoformat()
    details = {"name": "Night load", "until": until, "reason": "Odd requests"}
    assert events(token) == [("token.paused", "alice@acme.example", details)]


def test_resumed_token_is_active_and_has_nothing_left_of_the_pause(cast: Cast, token: Token, now: datetime) -> None:
    pause_token(actor=cast.as_alice, token=token, now=now)
    resumed = resume_token(actor=cast.as_alice, token=token, now=now + HOUR)
    resumed.refresh_from_db()
    assert (resumed.status(now), resumed.paused_at, resumed.paused_by, resumed.paused_by_label) == (
        Status.ACTIVE, None, None, "",
    )  # fmt: skip
    assert [event for event, *_ in events(token)] == ["token.paused", "token.resumed"]
    resume_token(actor=cast.as_alice, token=token, now=now + HOUR)
    assert len(events(token)) == 2, "a token that is not paused is not resumed"


def test_pause_is_changed_only_if_its_end_or_reason_differs(cast: Cast, token: Token, now: datetime) -> None:
    for until, reason in (("", "a"), ("", "a"), ("2h", "a"), ("2h", "b")):
        token = pause_token(actor=cast.as_alice, token=token, until=until, reason=reason, now=now)
    assert [(details["until"] is None, details["reason"]) for _, _, details in events(token)] == [
        (True, "a"), (False, "a"), (False, "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("soon", "2h or 7d"), ("2020-01-01", "in the past"), ("2027-02-30", "There is no"), ("4000d", "ten years"),
        ("2027-01-31T12:00", "2h or 7d"),
    ],
)  # fmt: skip
def test_unusable_end_changes_nothing(cast: Cast, token: Token, now: datetime, until: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        pause_token(actor=cast.as_alice, token=token, until=until, now=now)
    assert Token.objects.get(pk=token.pk).paused_at is None


def test_only_an_administrator_of_the_account_pauses_and_resumes(cast: Cast, token: Token, now: datetime) -> None:
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted)):
        for action in (pause_token, resume_token):
            with pytest.raises(problem):
                action(actor=actor, token=token, now=now)
    assert events(token) == []


def test_ended_token_can_be_neither_paused_nor_resumed(cast: Cast, token: Token, now: datetime) -> None:
    for moment in (token.expires_at, now):
        if moment == now:
            revoke_token(actor=cast.as_alice, token=pause_token(actor=cast.as_alice, token=token, now=now), now=now)
        for action in (pause_token, resume_token):
            with pytest.raises(TokenNotActive):
                action(actor=cast.as_alice, token=token, now=moment)
    token.refresh_from_db()
    assert token.status(now) == Status.REVOKED


def test_paused_token_can_be_edited_shown_and_rotated(cast: Cast, token: Token, now: datetime) -> None:
    pause_token(actor=cast.as_alice, token=token, now=now)
    edit_token(actor=cast.as_alice, token=token, description="Later", now=now)
    secret = show_credentials(actor=cast.as_alice, token=token, now=now).password
    assert password_state(Token.objects.get(pk=token.pk), secret, now=now) == PasswordState.PAUSED
    rotated, _ = rotate_token(actor=cast.as_alice, token=token, overlap=HOUR, now=now)
    assert rotated.status(now) == Status.PAUSED
    assert password_state(rotated, secret, now=now + HOUR) == PasswordState.REPLACED


def test_filters_tell_paused_tokens_from_active_ones(cast: Cast, token: Token, now: datetime) -> None:
    other, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Other", expires="90d", now=now)
    pause_token(actor=cast.as_alice, token=token, until="2h", now=now)

    def found(status: Status, at: datetime) -> set[str]:
        return {each.name for each in tokens_of(cast.acme, actor=cast.as_alice, status=status, now=at)}

    assert (found(Status.ACTIVE, now), found(Status.PAUSED, now)) == ({"Other"}, {"Night load"})
    assert (found(Status.ACTIVE, now + 2 * HOUR), found(Status.PAUSED, now + 2 * HOUR)) == (
        {"Night load", "Other"}, set(),
    )  # fmt: skip
    assert found(Status.EXPIRED, other.expires_at) == {"Night load", "Other"}


def test_other_administrators_are_told_of_pause_and_resume(cast: Cast, token: Token, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.acme, email="ann@acme.example", role=Role.ADMINISTRATOR, now=now)
    pause_token(actor=cast.as_alice, token=token, reason="Odd requests", now=now)
    resume_token(actor=cast.as_alice, token=token, now=now + HOUR)
    told = OwedMail.objects.filter(kind__in=["token_paused", "token_resumed"]).order_by("pk")
    assert [(mail.kind, mail.recipient, mail.facts["reason"]) for mail in told] == [
        ("token_paused", "ann@acme.example", "Odd requests"), ("token_resumed", "ann@acme.example", "Odd requests"),
    ]  # fmt: skip


@pytest.mark.covers("B7")
def test_command_line_pauses_lists_and_resumes(simsim: Simsim, cast: Cast, token: Token) -> None:
    alice, account = ("--as", "alice@acme.example"), ("--account", str(cast.acme.pk))
    paused = simsim("token", "pause", str(token.pk), *alice, "--until", "2030-01-31", "--reason", "Audit")
    assert (paused["status"], paused["paused_until"], paused["pause_reason"]) == (
        "paused", "2030-02-01T00:00:00Z", "Audit",
    )  # fmt: skip
    assert [item["id"] for item in simsim("token", "list", *account, "--status", "paused")["items"]] == [str(token.pk)]
    assert simsim("token", "list", *account, "--status", "active")["items"] == []
    assert simsim("token", "pause", str(token.pk), *alice, "--until", "soon", fails=2).startswith("--until: ")
    assert simsim("token", "resume", str(token.pk), *alice)["status"] == "active"
    stranger = simsim("token", "pause", str(token.pk), "--as", "charlie@globex.example", fails=3)
    assert stranger == f"No token has the id “{token.pk}”, or it belongs to another account."


def test_pages_pause_change_and_resume(cast: Cast, alice: Client, token: Token) -> None:
    page = f"{list_of(cast)}{token.pk}/"
    assert "Pause “Night load”?" in text_of(alice.get(f"{page}pause/"))
    assert alice.post(f"{page}pause/", {"until": "", "reason": "Odd <requests>"})["Location"] == page
    said = text_of(alice.get(page))
    for text in ("is paused. No request gets in.", "by alice@acme.example", "Odd <requests>", "When it is resumed"):
        assert text in said, text
    listed = alice.get(list_of(cast), {"attention": "paused"})
    assert names_in(listed) == ["Night load"]
    for text in ("Paused (1)", "@acme.example on", "until it is resumed", "Odd <requests>"):
        assert text in text_of(listed), text
    alice.post(f"{page}pause/", {"until": "date", "until_on": "2030-01-31", "reason": "Odd <requests>"})
    assert "As it is now" in text_of(alice.get(f"{page}pause/"))
    alice.post(f"{page}pause/", {"until": "as-it-is", "reason": "Other"})
    token.refresh_from_db()
    assert (f"{token.paused_until:%Y-%m-%d %H:%M}", token.pause_reason) == ("2030-02-01 00:00", "Other")
    assert "Resume “Night load”?" in text_of(alice.get(f"{page}resume/"))
    assert alice.post(f"{page}resume/")["Location"] == page
    assert "“Night load” works again." in text_of(alice.get(page))
    assert alice.get(f"{page}resume/")["Location"] == page


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"until": "date"}, "Enter the last day of the pause."), ({"until": "3h"}, "Choose one of the options."),
        ({"until": "date", "until_on": "2020-01-01"}, "This time is in the past."),
        ({"until": "as-it-is"}, "Choose one of the options."), ({"until": "", "reason": "x" * 201}, "at most 200"),
    ],
)  # fmt: skip
def test_form_says_what_is_wrong_and_pauses_nothing(
    cast: Cast, alice: Client, token: Token, sent: dict[str, str], said: str
) -> None:
    answer = alice.post(f"{list_of(cast)}{token.pk}/pause/", sent)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert events(token) == []


def test_pausing_needs_no_recent_authentication_and_what_lets_in_sooner_does(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    session = alice.session
    session["account_authentication_methods"] = [{"method": "password", "at": now.timestamp() - 86_400}]
    session.save()
    page = f"{list_of(cast)}{token.pk}/"
    assert alice.post(f"{page}pause/", {"until": ""})["Location"] == page
    for verb, sent in (("pause", {"until": "1h"}), ("resume", {})):
        assert alice.post(f"{page}{verb}/", sent)["Location"].startswith("/sign-in/reauthenticate/"), verb
    assert [event for event, *_ in events(token)] == ["token.paused"]
