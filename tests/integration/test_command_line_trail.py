"""The operator's lists of all accounts: the audit trail and the request log."""

import json
import os
import pwd
import uuid
from datetime import datetime, timedelta

import pytest

from cast import Cast
from logged_requests import logged
from simsim.audit.models import AuditEvent
from simsim.operations.command_line import run
from simsim.tokens.models import Token
from verbs import WIRING, Simsim

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.covers("B7")
def test_audit_trail_is_listed_page_by_page_and_filtered(simsim: Simsim, cast: Cast, now: datetime) -> None:
    everything = simsim("audit", "list")["items"]
    assert len(everything) == AuditEvent.objects.count()
    assert set(everything[0]) == {
        "id", "at", "event", "account_id", "actor", "subject_id", "details", "door", "address", "os_user", "number",
        "mac",
    }  # fmt: skip
    first = simsim("audit", "list", "--limit", "2")
    rest = simsim("audit", "list", "--cursor", first["next_cursor"])
    assert first["items"] + rest["items"] == everything
    assert rest["next_cursor"] is None
    acme = str(cast.acme.pk)
    options = ("--as", "alice@acme.example", "--name", "One", "--expires", "1d")
    simsim("token", "create", "--account", acme, *options)
    simsim("software", "add", "abacus", "Abacus")
    for filters in (["--event", "token.*"], ["--event", "token.created"], ["--actor", "alice@acme.example"]):
        assert [item["event"] for item in simsim("audit", "list", *filters)["items"]] == ["token.created"]
    assert {item["account_id"] for item in simsim("audit", "list", "--account", acme)["items"]} == {acme}
    of_installation = simsim("audit", "list", "--account", "installation")["items"]
    assert [item["event"] for item in of_installation] == ["software.added"]
    tomorrow = (now + timedelta(days=1)).date().isoformat()
    assert simsim("audit", "list", "--since", tomorrow)["items"] == []
    assert simsim("audit", "list", "--until", "2020-01-01")["items"] == []


@pytest.mark.covers("B6")
def test_act_on_the_command_line_names_the_operating_systems_user(
    simsim: Simsim, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "olga")
    options = ("--as", "alice@acme.example", "--name", "One", "--expires", "1d")
    simsim("token", "create", "--account", str(cast.acme.pk), *options)
    event = simsim("audit", "list", "--event", "token.created")["items"][0]
    assert (event["door"], event["actor"], event["address"]) == ("command_line", "alice@acme.example", None)
    assert event["os_user"] == f"{pwd.getpwuid(os.getuid()).pw_name}, sudo by olga"
    simsim("token", "edit", event["subject_id"], "--as", "alice@acme.example", "--name", "Two")
    assert AuditEvent.objects.latest("pk").details == {"name": ["One", "Two"]}
    assert {each.door for each in AuditEvent.objects.filter(event="account.created")} == {"background"}


@pytest.mark.covers("B6")
def test_exports_on_the_command_line_are_recorded(
    cast: Cast, token: Token, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    acme = str(cast.acme.pk)
    for arguments in (
        ["log", "export", "--account", acme, "--status", "4xx"],
        ["token", "export", "--account", acme, "--status", "active"],
        ["audit", "export", "--account", acme, "--event", "token.created", "--json"],
    ):
        assert run(arguments, wiring=WIRING) == 0
    out = capfdbinary.readouterr().out
    assert json.loads(out.splitlines()[-1])["subject_id"] == str(token.pk)
    recorded = AuditEvent.objects.filter(event__endswith=".exported").order_by("pk")
    assert [(event.event, event.details) for event in recorded] == [
        ("log.exported", {"format": "csv", "filters": {"status": "4xx"}}),
        ("token.exported", {"status": "active"}),
        ("audit.exported", {"format": "jsonl", "filters": {"event": "token.created"}}),
    ]
    assert {event.account_id for event in recorded} == {cast.acme.pk}


@pytest.mark.covers("B7")
def test_invalid_filter_of_the_audit_trail_is_refused(simsim: Simsim, cast: Cast) -> None:
    told = simsim("audit", "list", "--event", "token.create", fails=2)
    assert told == "--event: There is no event “token.create”. Did you mean token.created?"
    assert simsim("audit", "list", "--event", "*", fails=2).startswith("--event: ")
    assert simsim("audit", "list", "--cursor", "x", fails=2).startswith("--cursor: ")
    assert simsim("audit", "list", "--since", "2027-02-30", fails=2) == "--since: There is no 30 February."
    assert simsim("audit", "list", "--account", "", fails=3) == "No account has the id “”."


@pytest.mark.covers("R17", "B7")
def test_log_is_listed_by_outcome_and_address_and_over_all_accounts(simsim: Simsim, cast: Cast) -> None:
    acme = str(cast.acme.pk)
    for account, address, outcome in (
        (cast.acme.pk, "192.0.2.1", "accepted"),
        (cast.acme.pk, "192.0.2.2", "refused"),
        (cast.globex.pk, "192.0.2.1", "accepted"),
        (None, "192.0.2.3", "refused"),
    ):
        reason = "ok" if outcome == "accepted" else "revoked"
        logged(account_id=account, address=address, outcome=outcome, reason=reason, cause=reason)
    assert len(simsim("log", "list", "--account", acme, "--outcome", "refused")["items"]) == 1
    mapped = simsim("log", "list", "--account", acme, "--address", "::ffff:192.0.2.1")["items"]
    assert [item["address"] for item in mapped] == ["192.0.2.1"]
    every = simsim("log", "list", "--all-accounts")["items"]
    assert {item["account_id"] for item in every} == {acme, str(cast.globex.pk), None}
    assert len(simsim("log", "list", "--all-accounts", "--address", "192.0.2.1")["items"]) == 2
    assert simsim("log", "list", "--account", acme, "--address", "nowhere", fails=2).startswith("--address: ")


@pytest.mark.parametrize(
    "options",
    [[], ["--all-accounts", "--account", str(uuid.UUID(int=1))], ["--all-accounts", "--software", "power-bi"]],
)
def test_account_and_all_accounts_exclude_each_other(cast: Cast, options: list[str]) -> None:
    assert run(["log", "list", *options], wiring=WIRING) == 2
