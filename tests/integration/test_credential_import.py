"""Credentials of another system are imported, open the gate unchanged, and no line of a broken file is."""

import hashlib
import io
import json
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cast import Cast
from simsim.audit.models import AuditEvent
from simsim.credential import basic, password
from simsim.credential.decision import Credentials
from simsim.mail.models import OwedMail
from simsim.operations.command_line import run
from simsim.tokens import credential_import
from simsim.tokens.actions import create_token
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.tokens.models import Token
from time_alone import pace
from verbs import WIRING

pytestmark = pytest.mark.django_db(databases="__all__")
SECRET = "correct horse battery staple"
DIGEST = hashlib.sha256(b"tr0ub4dor&3 of the mill").digest()


class Importing:
    """Imports CSV for Acme in Alice's name, from standard input."""

    def __init__(self, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.options = ["--account", str(cast.acme.pk), "--as", "alice@acme.example"]
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, content: str | bytes, *options: str, status: int = 0) -> Any:
        """Return what was printed, or the line on stderr."""
        read = content.encode() if isinstance(content, str) else content
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(read)))
        arguments = ["token", "import", "-", *self.options, *options, "--json"]
        assert run(arguments, wiring=WIRING) == status
        out, err = self.capsys.readouterr()
        return json.loads(err)["detail"] if status else json.loads(out)

    def verb(self, *arguments: str, status: int = 0) -> str:
        assert run(["token", *arguments], wiring=WIRING) == status
        out, err = self.capsys.readouterr()
        return err if status else out


@pytest.fixture
def importing(cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Importing:
    # No gate runs here, so nothing has to wait for one.
    monkeypatch.setattr(credential_import, "LEASE_SECONDS", 0.0)
    return Importing(cast, capsys, monkeypatch)


def sent(username: str, secret: str) -> Credentials:
    """Return what the gate makes of these credentials once some were imported."""
    header = b"Basic " + b64encode(f"{username}:{secret}".encode())
    parsed = basic.parse([header], admits_foreign=True)
    assert isinstance(parsed, Credentials)
    return parsed


def lines_of(*rows: str, columns: str = "name,expires,username,password,sha256") -> str:
    return "\n".join([columns, *rows]) + "\n"


@pytest.mark.covers("B7")
def test_credentials_come_in_unchanged(importing: Importing, cast: Cast) -> None:
    own = password.mint()
    done = importing(
        lines_of(
            f"Password,90d,,{SECRET},",
            f"Digest,90d,,,{DIGEST.hex()}",
            f"Base64,90d,mill,,{b64encode(DIGEST).decode()}",
            f"Its own name,90d,wärehouse@acme.example,{SECRET},",
            f"Ours,90d,{cast.acme.pk},{own},",
        )
    )
    assert done == {"imported": 5, "imported_before": 0}
    acme, mill = str(cast.acme.pk), "tr0ub4dor&3 of the mill"
    pairs = {
        "Password": (acme, SECRET), "Digest": (acme, mill), "Base64": ("mill", mill),
        "Its own name": ("wärehouse@acme.example", SECRET), "Ours": (acme, own),
    }  # fmt: skip
    for name, pair in pairs.items():
        assert bytes(Token.objects.get(name=name).digest) == sent(*pair).digest, name
    assert {token.password_end for token in Token.objects.all()} == {"", own[-4:]}
    assert AuditEvent.objects.filter(event="token.created", details__imported=True).count() == 5


@pytest.mark.covers("R8", "B7")
def test_each_administrator_gets_one_email_for_the_whole_import(importing: Importing) -> None:
    content = lines_of(*(f"Token {number},90d,,{SECRET} {number}," for number in range(30)))
    importing(content)
    (mail,) = OwedMail.objects.all()
    assert (mail.kind, mail.recipient, mail.facts["count"]) == ("tokens_imported", "alice@acme.example", 30)
    importing(lines_of(f"Silent,90d,,{SECRET},"), "--no-notice")
    assert OwedMail.objects.count() == 1
    assert AuditEvent.objects.filter(event="token.created").latest("pk").details["notice"] == "suppressed"


@pytest.mark.covers("B7")
def test_nothing_is_imported_twice(importing: Importing, cast: Cast) -> None:
    content = lines_of(*(f"Token {number},90d,u{number},,{DIGEST.hex()}" for number in range(9)))
    importing(content)
    assert importing(content) == {"imported": 0, "imported_before": 9}
    # A file of last year must not bring back what was rotated or revoked since.
    first, second = (str(Token.objects.get(name=f"Token {number}").pk) for number in (1, 2))
    importing.verb("rotate", first, "--as", "alice@acme.example")
    importing.verb("revoke", second, "--as", "alice@acme.example")
    assert importing(content, "--dry-run") == {"tokens": 0, "imported_before": 9}
    assert importing(content + f"New,90d,new,,{DIGEST.hex()}\n") == {"imported": 1, "imported_before": 9}
    assert Token.objects.count() == 10
    kinds = OwedMail.objects.filter(kind="tokens_imported").values_list("facts", flat=True)
    assert sorted(facts["count"] for facts in kinds) == [1, 9]


@pytest.mark.covers("R11", "B7")
def test_digest_has_no_password_to_show_until_the_next_rotation(importing: Importing, cast: Cast) -> None:
    importing(lines_of(f"Digest,90d,mill,,{DIGEST.hex()}", f"Known,90d,miller,{SECRET},"))
    digest_only, known = (str(Token.objects.get(name=name).pk) for name in ("Digest", "Known"))
    for verb in ("credentials", "hand-over"):
        told = importing.verb(verb, digest_only, "--as", "alice@acme.example", status=4)
        assert "so it can’t be shown. Rotate the token to get a new one." in told
    assert json.loads(importing.verb("credentials", known, "--as", "alice@acme.example", "--json")) == {
        "username": "miller", "password": SECRET,
    }  # fmt: skip
    documents = map(json.loads, importing.verb("export", "--account", str(cast.acme.pk)).splitlines())
    assert {each["name"]: (each["username"], each["password_can_be_shown"]) for each in documents} == {
        "Digest": ("mill", False), "Known": ("miller", True),
    }  # fmt: skip
    for token_id in (digest_only, known):
        importing.verb("rotate", token_id, "--as", "alice@acme.example", "--overlap", "1h")
        shown = json.loads(importing.verb("credentials", token_id, "--as", "alice@acme.example", "--json"))
        assert shown["username"] == str(cast.acme.pk)
        assert password.is_well_formed(shown["password"])
    token = Token.objects.get(name="Digest")
    assert bytes(token.previous_digest or b"") == sent("mill", "tr0ub4dor&3 of the mill").digest


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("row", "status", "told"),
    [
        ("Bad,90d,,,", 2, "line 3, password: Give either a password or the SHA-256 of one."),
        (f"Bad,90d,,{SECRET},{DIGEST.hex()}", 2, "line 3, password: Give either"),
        ("Bad,90d,,short,", 2, "line 3, password: The password is too short: it needs at least 12"),
        (f"Bad,90d,,{'x' * 513},", 2, "line 3, password: The password is too long: at most 512 bytes"),
        (f"Bad,90d,{'ä' * 128},{'x' * 512},", 2, "line 3, password: The password is too long: at most 511 bytes"),
        ("Bad,90d,,with\x07a bell in it,", 2, "line 3, password: Control characters can't be used here."),
        ("Bad,90d,, a space before it,", 2, "line 3, password: This begins or ends with white space."),
        (f"Bad,90d,,,{DIGEST.hex()[1:]}", 2, "line 3, sha256: This is not a SHA-256"),
        (f"Bad,90d,a:b,{SECRET},", 2, "line 3, username: A username can't contain a colon."),
        (f"Bad,90d,{'u' * 129},{SECRET},", 2, "line 3, username: Enter at most 128 characters."),
        (f"Bad,90d,ACE00000-0000-4000-8000-000000000000,{SECRET},", 2, "line 3, username: This is the id of another"),
        (f"Bad,x,,{SECRET},", 2, "line 3, expires_at: Give a date"),
        (f"Bad,90d,{SECRET}", 2, "line 3: This line has 3 columns, not 5."),
        (f'"Bad,90d,,{SECRET},', 2, "line 3: This is not CSV: unexpected end of data."),
        (f"good,90d,,{SECRET} 2,", 2, "line 3, name: Line 2 has the same."),
        (f"Bad,90d,,{SECRET},", 2, "line 3, password: Line 2 has the same."),
        (f"Taken,90d,,{SECRET} 2,", 2, "line 3, name: An active token is already named “Taken”."),
        ("x" * 70_000, 2, "line 3: This line is longer than 64 KiB."),
    ],
)
def test_broken_line_is_named_and_nothing_is_imported(
    importing: Importing, cast: Cast, row: str, status: int, told: str
) -> None:
    importing(lines_of(f"Taken,90d,taken,{SECRET},"), "--no-notice")
    assert told in importing(lines_of(f"Good,90d,,{SECRET},", row), status=status)
    assert [token.name for token in Token.objects.all()] == ["Taken"]
    assert not OwedMail.objects.exists()


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lines_of("A,90d,x,y", columns="name,expires,password,colour"), "line 1, colour: There is no such column."),
        (lines_of("A,90d,x,y", columns="name,expires,password,name"), "line 1, name: This is given twice."),
        (lines_of().encode() + b"\xff,90d,,,\n", "line 2: This is not text in UTF-8."),
        (lines_of(f"A,90d,{SECRET},yes", columns="name,expires,password,report_only"), "line 2, report_only: "),
    ],
)
def test_file_that_can_not_be_read_is_refused(importing: Importing, content: str | bytes, told: str) -> None:
    assert told in importing(content, status=2)
    assert not ImportedCredentials.objects.exists()


def test_spreadsheet_may_separate_by_semicolons_and_begin_with_a_mark(importing: Importing, cast: Cast) -> None:
    columns = "Name;Expires;Password;Allow;Software;report_only;account;as"
    row = f'"A; and B";90d;{SECRET};10.0.0.0/8 192.0.2.0/24;power-bi;true;{cast.globex.pk};charlie@globex.example'
    assert importing(b"\xef\xbb\xbf" + lines_of("", row, columns=columns).encode())["imported"] == 1
    token = Token.objects.get()
    assert (token.name, token.allowed_networks, token.report_only) == (
        "A; and B", ["10.0.0.0/8", "192.0.2.0/24"], True,
    )  # fmt: skip
    assert (token.account, token.created_by_label) == (cast.globex, "charlie@globex.example")


@pytest.mark.covers("B7")
def test_name_that_is_taken_meanwhile_stops_the_import_at_its_line(
    importing: Importing, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = credential_import.CredentialImport.check

    def check_and_create(self: credential_import.CredentialImport) -> Any:
        yield from checked(self)
        importing.monkeypatch.setattr(credential_import.CredentialImport, "check", checked)
        create_token(actor=cast.as_alice, account=cast.acme, name="Token 7", expires="1d", now=timezone.now())

    monkeypatch.setattr(credential_import.CredentialImport, "check", check_and_create)
    monkeypatch.setattr(credential_import, "MIN_STEP", 5)
    content = lines_of(*(f"Token {number},90d,u{number},{SECRET}," for number in range(9)))
    told = importing(content, status=4)
    assert "line 9, name: An active token is already named “Token 7”." in told
    assert ImportedCredentials.objects.count() == credential_import.MIN_STEP


@pytest.mark.covers("B7")
def test_two_thousand_digests_take_less_than_two_seconds(importing: Importing) -> None:
    rows = [f"Token {number},90d,u{number},,{DIGEST.hex()}" for number in range(2000)]
    begun = time.process_time()
    assert importing(lines_of(*rows))["imported"] == 2000
    assert time.process_time() - begun < 2 * pace()


def test_exported_digests_are_not_told(importing: Importing, cast: Cast, tmp_path: Path) -> None:
    importing(lines_of(f"Digest,90d,,,{DIGEST.hex()}"))
    exported = importing.verb("export", "--account", str(cast.acme.pk))
    digest = bytes(Token.objects.get().digest)
    for secret in (DIGEST, digest):
        assert secret.hex() not in exported
        assert b64encode(secret).decode() not in exported
