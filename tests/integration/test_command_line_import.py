"""Many tokens at once, as lines of JSON: all of them are created or none."""

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cast import Cast
from simsim.audit.models import AuditEvent
from simsim.credential import password
from simsim.mail.models import OwedMail
from simsim.operations.command_line import run
from simsim.tokens.models import Token
from time_alone import pace
from verbs import WIRING

pytestmark = pytest.mark.django_db(databases="__all__")


class Importing:
    """Imports lines for Acme in Alice's name, from standard input."""

    def __init__(self, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.options = ["--account", str(cast.acme.pk), "--as", "alice@acme.example"]
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, lines: bytes, *options: str, status: int = 0, verb: str = "import") -> Any:
        """Return the tokens that were printed, or the line on stderr."""
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        assert run(["token", verb, "-", *self.options, *options], wiring=WIRING) == status
        out, err = self.capsys.readouterr()
        if status:
            assert (out, err.count("\n")) == ("", 1)
            return err
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def importing(cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Importing:
    return Importing(cast, capsys, monkeypatch)


def lines_of(*documents: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


@pytest.mark.covers("R5", "R7", "R10", "B7")
def test_each_line_becomes_a_token_with_its_credentials_in_order(importing: Importing, cast: Cast) -> None:
    one = {"name": "One", "expires": "90d", "software": "power-bi", "allow": ["10.0.0.0/8"], "report_only": True}
    two: dict[str, Any] = {
        "name": "Two",
        "expires_at": "2027-01-31",
        "description": "Desk",
        "allowed_networks": [],
        "software": None,
    }
    made = importing(lines_of(one) + b"\n" + lines_of(two))
    assert [token["name"] for token in made] == ["One", "Two"]
    assert all(password.is_well_formed(token["password"]) for token in made)
    assert {token["username"] for token in made} == {str(cast.acme.pk)}
    assert (made[0]["software"], made[0]["allowed_networks"], made[0]["report_only"]) == (
        "power-bi", ["10.0.0.0/8"], True,
    )  # fmt: skip
    assert made[1]["description"] == "Desk"
    assert OwedMail.objects.filter(kind="token_created").count() == 2


@pytest.mark.covers("B7")
def test_thousand_tokens_take_less_than_ten_seconds(importing: Importing) -> None:
    lines = lines_of(*({"name": f"Token {number}", "expires": "90d"} for number in range(1000)))
    begun = time.process_time()
    made = importing(lines, "--no-notice")
    assert time.process_time() - begun < 10 * pace()
    assert [token["name"] for token in made] == [f"Token {number}" for number in range(1000)]
    assert Token.objects.count() == 1000
    assert len({token["password"] for token in made}) == 1000


@pytest.mark.covers("R5", "B7")
def test_create_reads_the_same_lines(importing: Importing, cast: Cast) -> None:
    made = importing(lines_of({"name": "One", "expires": "90d"}, {"name": "Two", "expires": "1d"}), verb="create")
    assert [token["name"] for token in made] == ["One", "Two"]
    assert all(password.is_well_formed(token["password"]) for token in made)
    told = importing(lines_of(GOOD) + b'{"name": "Bad", "expires": "x"}', status=2, verb="create")
    assert "line 2, expires_at: " in told
    assert Token.objects.count() == 2


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing option '--account'."),
        (["--account", "7", "--as", "alice@acme.example", "--name", "A"], "Missing option '--expires'."),
        (["-", "--name", "A"], "Give --name in each line of JSON: it can't be combined with -."),
        (["-", "--report-only"], "Give --report-only in each line of JSON: it can't be combined with -."),
        (["-", "--allow", "10.0.0.0/8"], "Give --allow in each line of JSON: it can't be combined with -."),
        (["tokens.jsonl"], "Give - to read lines of JSON, not “tokens.jsonl”."),
    ],
)
def test_create_says_which_option_is_missing_or_out_of_place(
    importing: Importing, arguments: list[str], told: str
) -> None:
    assert run(["token", "create", *arguments], wiring=WIRING) == 2
    assert importing.capsys.readouterr().err == f"simsim: {told}\n"
    assert not Token.objects.exists()


@pytest.mark.covers("R8", "B7")
def test_suppressed_notice_is_recorded(importing: Importing, cast: Cast) -> None:
    importing(lines_of({"name": "Silent", "expires": "1d"}), "--no-notice")
    one = ["token", "create", *importing.options, "--name", "Alone", "--expires", "1d", "--no-notice"]
    assert run(one, wiring=WIRING) == 0
    assert not OwedMail.objects.exists()
    events = AuditEvent.objects.filter(event="token.created")
    assert [event.details["notice"] for event in events] == ["suppressed", "suppressed"]
    importing.capsys.readouterr()
    importing(lines_of({"name": "Loud", "expires": "1d"}))
    assert OwedMail.objects.count() == 1
    assert "notice" not in AuditEvent.objects.filter(event="token.created").latest("pk").details


GOOD = {"name": "Good", "expires": "1d"}


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("broken", "status", "told"),
    [
        (b"{", 2, "line 2, JSON: "),
        (b"[]", 2, "line 2, JSON: "),
        (b"\xff", 2, "line 2, JSON: "),
        (b"[" * 100_000, 2, "line 2, JSON: "),
        (b'{"name": "A", "name": "B", "expires": "1d"}', 2, "line 2, name: This is given twice."),
        (b'{"name": "A", "expires": "1d", "expires_at": "2d"}', 2, "line 2, expires_at: This is given twice."),
        (b'{"name": "A", "expires": "1d", "colour": "red"}', 2, "line 2, colour: A token has no such field."),
        (b'{"name": "A", "expires": 90}', 2, "line 2, expires: This must be a string."),
        (b'{"name": "A", "expires": "1d", "allow": "::1"}', 2, "line 2, allow: This must be a list of strings"),
        (b'{"name": "A", "expires": "1d", "report_only": "no"}', 2, "line 2, report_only: This must be true or false."),
        (b'{"name": "", "expires": "2027-02-30"}', 2, "line 2, expires_at: There is no 30 February."),
        (b'{"name": "A", "expires": "1d", "allow": ["10.0.0.1/8"]}', 2, "line 2, allowed_networks.0: "),
        (b'{"name": "good", "expires": "1d"}', 4, "Line 2: An active token is already named"),
        (b'{"name": "A", "expires": "1d", "account": "7"}', 3, "Line 2: No account has the id"),
        (b'{"name": "A", "expires": "1d", "as": "bob@acme.example"}', 5, "Line 2: Only administrators"),
    ],
)
def test_broken_line_is_named_and_no_token_is_created(
    importing: Importing, broken: bytes, status: int, told: str
) -> None:
    assert told in importing(lines_of(GOOD) + broken + b"\n", status=status)
    assert not Token.objects.exists()
    assert not OwedMail.objects.exists()
    assert not AuditEvent.objects.filter(event="token.created").exists()


@pytest.mark.covers("B7")
def test_all_broken_lines_are_reported_together(importing: Importing) -> None:
    told = importing(lines_of({"name": "A", "expires": "x"}, GOOD, {"name": "", "expires": "1d"}), status=2)
    assert "line 1, expires_at: " in told
    assert "line 3, name: " in told
    assert "line 2" not in told


def test_passwords_that_could_not_be_printed_can_be_retrieved(importing: Importing) -> None:
    with Path("/dev/full").open("w") as full:
        importing.monkeypatch.setattr(sys, "stdout", full)
        importing.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines_of(GOOD))))
        assert run(["token", "import", "-", *importing.options], wiring=WIRING) == 1
    assert "simsim token credentials ID --as EMAIL" in importing.capsys.readouterr().err
    assert Token.objects.get().name == "Good"


@pytest.mark.covers("B7")
def test_exported_tokens_can_be_imported(importing: Importing, cast: Cast, tmp_path: Path) -> None:
    importing(lines_of({"name": "One", "expires": "90d", "allow": ["10.0.0.0/8"], "description": "Desk"}))
    assert run(["token", "export", "--account", str(cast.acme.pk)], wiring=WIRING) == 0
    exported = importing.capsys.readouterr().out
    assert "sim_" not in exported
    document = json.loads(exported)
    moved = tmp_path / "tokens.jsonl"
    moved.write_text(json.dumps(document | {"account_id": str(cast.globex.pk)}) + "\n")
    assert run(["token", "import", str(moved), "--as", "charlie@globex.example"], wiring=WIRING) == 0
    copy = json.loads(importing.capsys.readouterr().out)
    same = ("name", "description", "expires_at", "allowed_networks")
    assert [copy[field] for field in same] == [document[field] for field in same]
    assert copy["account_id"] == str(cast.globex.pk)
    assert run(["token", "import", str(tmp_path / "none"), "--as", "x"], wiring=WIRING) == 2
    assert importing.capsys.readouterr().err.startswith("simsim: FILE: ")
