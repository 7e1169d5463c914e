"""Accounts and people at the command line: ensured, renamed, closed; listed, invited, promoted, removed."""

import io
import sys
from datetime import datetime, timedelta

import pytest
from django.test import Client

from cast import PASSWORD, Cast
from simsim.accounts.models import Account, Membership, User
from simsim.accounts.permissions import lock_open
from simsim.audit.models import AuditEvent
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.problem import AccountClosed, NotFound
from simsim.tokens.account_closure import close_account
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.covers("B7")
def test_account_with_an_external_id_is_created_once(simsim: Simsim, db: None) -> None:
    first = simsim("account", "ensure", "Initech", "--external-id", "crm-17")
    assert (first["name"], first["external_id"], first["created"]) == ("Initech", "crm-17", True)
    again = simsim("account", "ensure", "Another name", "--external-id", "crm-17")
    assert again == first | {"created": False}
    assert AuditEvent.objects.filter(event="account.created").count() == 1
    assert "named “Initech”" in simsim("account", "ensure", "Initech", "--external-id", "crm-18", fails=4)
    assert simsim("account", "ensure", "X", "--external-id", " ", fails=2).startswith("--external-id: ")
    assert Account.objects.count() == 1


@pytest.mark.covers("B7")
def test_accounts_without_an_external_id_can_coexist(simsim: Simsim, cast: Cast) -> None:
    assert [item["external_id"] for item in simsim("account", "list")["items"]] == [None, None]


@pytest.mark.covers("B7")
def test_account_is_renamed_and_keeps_its_id(simsim: Simsim, cast: Cast) -> None:
    one = str(cast.acme.pk)
    assert simsim("account", "rename", one, "Acme Ltd")["name"] == "Acme Ltd"
    assert simsim("account", "rename", one, "Acme Ltd")["id"] == one
    assert [event.details for event in AuditEvent.objects.filter(event="account.renamed")] == [
        {"from": "Acme", "to": "Acme Ltd"}
    ]
    assert "already" in simsim("account", "rename", one, "Globex", fails=4)
    assert simsim("account", "rename", one, "", fails=2).startswith("NAME: ")
    assert simsim("account", "rename", "", "Acme", fails=3) == "No account has the id “”."


@pytest.mark.covers("R13", "B7")
def test_closed_account_stops_at_once_and_keeps_its_audit_trail(
    simsim: Simsim, cast: Cast, client: Client, now: datetime
) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="One", expires="1d", now=now)
    simsim("user", "invite", "dana@acme.example", "--account", str(cast.acme.pk), "--role", "member")
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/accounts/{cast.acme.pk}/tokens/").status_code == 200
    before = AuditEvent.objects.count()
    tried = simsim("account", "close", str(cast.acme.pk), "--dry-run")
    token.refresh_from_db()
    assert (tried["revoked_tokens"], tried["dry_run"], token.revoked_at) == (1, True, None)
    assert (AuditEvent.objects.count(), Account.objects.get(pk=cast.acme.pk).closed_at) == (before, None)
    closed = simsim("account", "close", str(cast.acme.pk))
    assert (closed["revoked_tokens"], closed["closed_at"][-1]) == (1, "Z")
    token.refresh_from_db()
    assert (token.revoked_by_label, token.next_notice_at) == ("operator", None)
    assert client.get(f"/accounts/{cast.acme.pk}/tokens/").status_code == 404
    assert "Acme" not in client.get("/").content.decode()
    waiting = outbox.waiting().filter(account_id=cast.acme.pk)
    assert not waiting.exists()
    assert "link" not in OwedMail.objects.get(kind="invited").facts
    events = AuditEvent.objects.filter(account_id=cast.acme.pk).values_list("event", flat=True)
    assert {"account.closed", "token.revoked", "token.created"} <= set(events)
    # The other account does not notice.
    assert simsim("token", "list", "--account", str(cast.globex.pk))["items"] == []
    create_token(actor=cast.as_charlie, account=cast.globex, name="One", expires="1d", now=now)


@pytest.mark.covers("R13", "B7")
def test_closed_account_takes_no_new_users_or_tokens(simsim: Simsim, cast: Cast) -> None:
    one = str(cast.acme.pk)
    simsim("account", "close", one)
    assert simsim("account", "close", one, fails=4) == "The account “Acme” is closed."
    options = ("--as", "alice@acme.example", "--name", "New", "--expires", "1d")
    assert "does not belong" in simsim("token", "create", "--account", one, *options, fails=3)
    for verb in ("create", "invite"):
        people = ("dana@acme.example", "--account", one, "--role", "member")
        assert simsim("user", verb, *people, fails=4) == "The account “Acme” is closed."
    assert not User.objects.filter(email="dana@acme.example").exists()
    assert simsim("log", "list", "--account", one)["items"] == []
    # A customer who comes back can use the name again.
    simsim("account", "rename", one, "Acme (closed)")
    simsim("account", "create", "Acme")


@pytest.mark.covers("B7")
def test_ensure_refuses_a_closed_account(simsim: Simsim, db: None) -> None:
    account = simsim("account", "ensure", "Initech", "--external-id", "crm-17")
    simsim("account", "close", account["id"])
    assert "is closed" in simsim("account", "ensure", "Initech", "--external-id", "crm-17", fails=4)


@pytest.mark.covers("R13")
def test_token_creation_that_began_before_the_closing_is_refused(cast: Cast, now: datetime) -> None:
    close_account(actor=cast.olga, account=cast.acme, now=now)
    with pytest.raises(NotFound):
        create_token(actor=cast.as_alice, account=cast.acme, name="Late", expires="1d", now=now + timedelta(seconds=1))
    with pytest.raises(AccountClosed):
        lock_open(cast.acme)
    assert not Token.objects.exists()


@pytest.mark.covers("R1", "B7")
def test_people_are_listed_promoted_and_removed(simsim: Simsim, cast: Cast) -> None:
    account = ("--account", str(cast.acme.pk))
    listed = simsim("user", "list", *account)["items"]
    assert [(item["email"], item["role"]) for item in listed] == [
        ("alice@acme.example", "administrator"), ("bob@acme.example", "member"),
    ]  # fmt: skip
    assert "last administrator" in simsim("user", "remove", "alice@acme.example", *account, fails=4)
    assert "last administrator" in simsim("user", "role", "alice@acme.example", *account, "--role", "member", fails=4)
    promoted = simsim("user", "role", "Bob@acme.example", *account, "--role", "administrator")
    assert promoted["role"] == "administrator"
    assert simsim("user", "remove", "alice@acme.example", *account)["removed"] is True
    assert not Membership.objects.filter(account=cast.acme, user=cast.alice).exists()
    told = simsim("user", "remove", "charlie@globex.example", *account, fails=3)
    assert told == "Nobody with the email address “charlie@globex.example” belongs to the account."


@pytest.mark.covers("R1", "B7")
def test_invited_user_gets_an_email(simsim: Simsim, cast: Cast) -> None:
    made = simsim("user", "invite", "Dana@acme.example", "--account", str(cast.acme.pk), "--role", "member")
    assert (made["email"], made["role"]) == ("dana@acme.example", "member")
    assert OwedMail.objects.filter(kind="invited", recipient="dana@acme.example").exists()
    again = simsim("user", "invite", "dana@acme.example", "--account", str(cast.acme.pk), "--role", "member", fails=4)
    assert "already belongs" in again


@pytest.mark.covers("R1", "B7")
def test_password_reset_ends_the_sessions_and_is_recorded(
    simsim: Simsim, cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    tokens = f"/accounts/{cast.acme.pk}/tokens/"
    assert client.get(tokens).status_code == 200
    reset = simsim("user", "reset-password", "alice@acme.example")
    cast.alice.refresh_from_db()
    assert cast.alice.check_password(reset["password"])
    assert client.get(tokens).status_code == 302
    assert AuditEvent.objects.get(event="user.password_reset").account_id == cast.acme.pk
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    assert "password" not in simsim("user", "reset-password", "alice@acme.example", "--password-stdin")
    cast.alice.refresh_from_db()
    assert cast.alice.check_password(PASSWORD)
    assert simsim("user", "reset-password", "", fails=3) == "No user has the email address “”."
