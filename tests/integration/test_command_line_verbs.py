"""The verbs on the real database: the same rules hold as in the console."""

import io
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from simsim.accounts.models import User
from simsim.audit.models import AuditEvent
from simsim.credential import password
from simsim.operations.command_line import run
from simsim.request_log.models import SetAsideLine
from simsim.request_log.ship.lines import set_aside_text
from simsim.tokens.models import Token
from verbs import TOKEN_FIELDS, WIRING, Simsim

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def created(simsim: Simsim, cast: Cast) -> dict[str, Any]:
    token: dict[str, Any] = simsim(
        "token", "create", "--account", str(cast.acme.pk), "--as", "Alice@acme.example", "--name", "Power BI",
        "--expires", "90d", "--description", "Workspace", "--software", "power-bi", "--allow", "10.0.0.0/8",
        "--allow", "::1",
    )  # fmt: skip
    return token


@pytest.mark.covers("B7")
def test_accounts_are_created_once_and_listed(simsim: Simsim, db: None) -> None:
    account = simsim("account", "create", "Initech")
    assert set(account) == {"id", "name"}
    assert simsim("account", "create", "Initech", fails=4) == "There is already an account named “Initech”."
    listed = simsim("account", "list")
    assert listed["next_cursor"] is None
    assert [(item["id"], item["name"], item["created_at"][-1]) for item in listed["items"]] == [
        (account["id"], "Initech", "Z")
    ]


@pytest.mark.covers("R1", "B7")
def test_user_gets_a_password_that_is_printed_once(simsim: Simsim, cast: Cast) -> None:
    account = str(cast.acme.pk)
    made = simsim("user", "create", "Dana@acme.example", "--account", account, "--role", "member")
    assert (made["email"], made["account_id"], made["role"]) == ("dana@acme.example", account, "member")
    assert User.objects.get(email="dana@acme.example").check_password(made["password"])


def test_password_from_standard_input_is_its_first_line(
    simsim: Simsim, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--account", str(cast.acme.pk), "--role", "member", "--password-stdin")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a good long pass phrase\nanother line\n"))
    assert "password" not in simsim("user", "create", "dana@acme.example", *options)
    assert User.objects.get(email="dana@acme.example").check_password("a good long pass phrase")
    for bad in ("short", "123456789012", "letmein123456", "simsimsimsim", "Acme-k3Jd-Acme-9q"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{bad}\n"))
        refused = simsim("user", "create", "eve@other.example", *options, fails=2)
        assert refused.startswith("--password-stdin: "), bad
    assert "“Acme” first" in refused
    assert not User.objects.filter(email="eve@other.example").exists()


@pytest.mark.covers("R1")
def test_user_of_another_account_keeps_the_password(
    simsim: Simsim, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cast.charlie.password
    options = ("charlie@globex.example", "--account", str(cast.acme.pk), "--role", "member")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a good long pass phrase\n"))
    assert simsim("user", "create", *options, "--password-stdin", fails=2).startswith("--password-stdin: ")
    assert "password" not in simsim("user", "create", *options)
    cast.charlie.refresh_from_db()
    assert cast.charlie.password == before


@pytest.mark.covers("R5", "R6", "R7", "R10", "B7")
def test_created_token_is_printed_with_its_credentials(cast: Cast, created: dict[str, Any]) -> None:
    assert set(created) == TOKEN_FIELDS | {"username", "password"}
    assert created["username"] == str(cast.acme.pk)
    assert password.is_well_formed(created["password"])
    assert (created["software"], created["status"]) == ("power-bi", "active")
    assert created["allowed_networks"] == ["10.0.0.0/8", "::1/128"]
    assert created["created_by"] == "alice@acme.example"


@pytest.mark.covers("R1", "B7")
@pytest.mark.parametrize(
    ("who", "status", "line"),
    [
        ("bob@acme.example", 5, "Only administrators of the account may do this."),
        ("charlie@globex.example", 3, "charlie@globex.example does not belong to the account “{account}”."),
        ("nobody@acme.example", 3, "No user has the email address “nobody@acme.example”."),
        ("", 3, "No user has the email address “”."),
    ],
)
def test_only_an_administrator_of_the_account_creates_tokens(
    simsim: Simsim, cast: Cast, who: str, status: int, line: str
) -> None:
    account = str(cast.acme.pk)
    options = ("--account", account, "--as", who, "--name", "Mine", "--expires", "1d")
    assert simsim("token", "create", *options, fails=status) == line.format(account=account)
    assert not Token.objects.exists()


@pytest.mark.covers("R1", "B7")
def test_charlie_can_do_nothing_with_alices_token(simsim: Simsim, created: dict[str, Any]) -> None:
    before = AuditEvent.objects.count()
    for verb in ("credentials", "edit", "revoke", "rotate"):
        line = simsim("token", verb, created["id"], "--as", "charlie@globex.example", fails=3)
        assert line == f"No token has the id “{created['id']}”, or it belongs to another account."
    assert AuditEvent.objects.count() == before


@pytest.mark.covers("R5", "R10", "R18")
def test_all_faults_of_a_token_are_reported_in_one_line(simsim: Simsim, cast: Cast) -> None:
    options = ("--name", "", "--expires", "2020-01-01", "--allow", "10.0.0.1/8", "--software", "none")
    who = ("--account", str(cast.acme.pk), "--as", "alice@acme.example")
    line = simsim("token", "create", *who, *options, fails=2)
    for field in ("--name: ", "--expires: ", "--software: ", "--allow 10.0.0.1/8: "):
        assert field in line
    assert "10.0.0.0/8" in line


@pytest.mark.covers("R11", "R12", "R13", "R14", "B2", "B7")
def test_token_is_shown_edited_rotated_revoked_and_listed(simsim: Simsim, cast: Cast, created: dict[str, Any]) -> None:
    one, alice = created["id"], ("--as", "alice@acme.example")
    shown = simsim("token", "show", one)
    assert set(shown) == TOKEN_FIELDS
    kept = {"username": created["username"], "password": created["password"]}
    assert simsim("token", "credentials", one, *alice) == kept
    edited = simsim("token", "edit", one, *alice, "--name", "Tableau", "--software", "", "--allow-any")
    assert (edited["name"], edited["software"], edited["allowed_networks"]) == ("Tableau", None, [])
    assert edited["description"] == "Workspace"
    assert simsim("token", "edit", one, *alice, "--allow", "192.0.2.7")["allowed_networks"] == ["192.0.2.7/32"]
    rotated = simsim("token", "rotate", one, *alice, "--overlap", "1h")
    assert password.is_well_formed(rotated["password"])
    assert rotated["password"] != created["password"]
    assert shown["previous_password_works_until"] is None
    overlap = datetime.fromisoformat(simsim("token", "show", one)["previous_password_works_until"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < overlap <= timedelta(hours=1)
    simsim("token", "end-overlap", one, *alice)
    assert simsim("token", "show", one)["previous_password_works_until"] is None
    revoked = simsim("token", "revoke", one, *alice, "--reason", "leaked")
    assert (revoked["status"], revoked["revoked_by"], revoked["revocation_reason"]) == (
        "revoked", "alice@acme.example", "leaked",
    )  # fmt: skip
    assert "can no longer be changed" in simsim("token", "rotate", one, *alice, fails=4)
    account = ("--account", str(cast.acme.pk))
    assert simsim("token", "list", *account, "--status", "active") == {"items": [], "next_cursor": None}
    assert [item["id"] for item in simsim("token", "list", *account, "--status", "revoked")["items"]] == [one]
    assert [item["id"] for item in simsim("token", "list", *account)["items"]] == [one]


@pytest.mark.parametrize("unknown", ["", "7", "urn:uuid:nothing", str(uuid.UUID(int=7))])
def test_unknown_ids_are_reported_in_one_line(simsim: Simsim, cast: Cast, unknown: str) -> None:
    assert simsim("token", "list", "--account", unknown, fails=3) == f"No account has the id “{unknown}”."
    assert simsim("log", "list", "--account", unknown, fails=3) == f"No account has the id “{unknown}”."
    assert simsim("token", "show", unknown, fails=3).startswith(f"No token has the id “{unknown}”")


def test_allow_and_allow_any_exclude_each_other(created: dict[str, Any]) -> None:
    options = ["--as", "alice@acme.example", "--allow-any", "--allow", "::1"]
    assert run(["token", "edit", created["id"], *options], wiring=WIRING) == 2


@pytest.mark.covers("R7", "B7")
def test_operator_extends_the_catalogue_and_the_audit_trail_records_it(simsim: Simsim, cast: Cast) -> None:
    assert simsim("software", "add", "metabase", "Metabase") == {"slug": "metabase", "name": "Metabase"}
    assert AuditEvent.objects.filter(event="software.added", subject_id="metabase", actor_label="operator").exists()
    listed = simsim("software", "list")["items"]
    assert {"slug": "metabase", "name": "Metabase", "retired_at": None} in listed
    assert [item["name"].lower() for item in listed] == sorted(item["name"].lower() for item in listed)
    assert "already" in simsim("software", "add", "metabase", "Another", fails=4)
    assert "already" in simsim("software", "add", "another", "METABASE", fails=4)
    # In the log's filter it means the tokens without software.
    assert simsim("software", "add", "none", "Nothing", fails=2).startswith("SLUG: “none” is reserved for")
    assert simsim("software", "add", "Meta_base", "Another", fails=2).startswith("SLUG: ")
    options = ("--account", str(cast.acme.pk), "--as", "alice@acme.example", "--name", "New", "--expires", "1d")
    assert simsim("token", "create", *options, "--software", "metabase")["software"] == "metabase"
    retired = simsim("software", "retire", "metabase")
    assert (retired["slug"], bool(retired["retired_at"])) == ("metabase", True)
    assert simsim("software", "retire", "metabase") == retired
    assert AuditEvent.objects.filter(event="software.retired", subject_id="metabase").count() == 1
    assert "no software with the short name" in simsim("software", "retire", "none-such", fails=3)
    assert "not among the target software" in simsim("token", "create", *options, "--software", "metabase", fails=2)


@pytest.mark.covers("R17", "B7")
def test_log_of_an_account_without_requests_is_an_empty_page(simsim: Simsim, created: dict[str, Any]) -> None:
    account = ("--account", created["account_id"])
    filters = ("--since", "2026-01-01", "--until", "2026-12-31T00:00Z", "--status", "4xx", "--endpoint", "/api/*")
    assert simsim("log", "list", *account, *filters, "--token", created["id"]) == {"items": [], "next_cursor": None}
    for software in ("power-bi", "none"):
        assert simsim("log", "list", *account, "--software", software)["items"] == []
    assert simsim("log", "list", *account, "--software", "no-such", fails=2).startswith("--software: The catalogue")
    # An empty variable in a script must not list everything.
    assert simsim("log", "list", *account, "--token", "", fails=3).startswith("No token has the id “”")
    assert simsim("log", "list", *account, "--software", "", fails=2).startswith("--software: The catalogue")
    assert simsim("log", "list", *account, "--since", "yesterday", fails=2).startswith("--since: ")
    assert simsim("log", "list", *account, "--cursor", "x", fails=2).startswith("--cursor: ")


@pytest.mark.covers("R17")
def test_lines_that_were_set_aside_are_listed_newest_first_and_masked(
    simsim: Simsim, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        text = set_aside_text(f"line {number} sim_{'a' * 49}")
        SetAsideLine.objects.create(found_at=now, name="access.json", offset=number, text=text)
    page = simsim("log", "set-aside", "--limit", "2")
    assert [(item["name"], item["offset"], item["text"]) for item in page["items"]] == [
        ("access.json", 2, "line 2 sim_***"), ("access.json", 1, "line 1 sim_***"),
    ]  # fmt: skip
    assert page["items"][0]["found_at"].endswith("Z")
    rest = simsim("log", "set-aside", "--cursor", page["next_cursor"])
    assert [item["offset"] for item in rest["items"]] == [0]
    assert rest["next_cursor"] is None
    assert "cursor" in simsim("log", "set-aside", "--cursor", "x", fails=2)
