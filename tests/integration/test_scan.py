"""`simsim scan` at the command line: its output, its exit status, and the tokens that the passwords belong to."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import preloaded
from cast import Cast
from simsim.credential import password
from simsim.operations.verbs.scan import tokens_of
from simsim.tokens.actions import create_token, revoke_token, rotate_token

NO_INSTALLATION = {"PATH": "/usr/bin:/bin", "SIMSIM_DATA_DIR": "/nowhere"}


@pytest.mark.any_database
def test_scan_needs_no_installation_and_prints_no_password(tmp_path: Path) -> None:
    secret = password.mint()
    (tmp_path / "a.env").write_text(f"\nX={secret}\n")
    done = preloaded.run(["scan", tmp_path, "--json"], env=NO_INSTALLATION)
    assert (done.returncode, json.loads(done.stdout)["items"]) == (
        1,
        [{"place": f"{tmp_path}/a.env", "line": 2, "password_end": secret[-4:]}],
    )
    assert done.stderr == "simsim: Found 1 password: revoke or rotate these tokens\n"
    assert secret not in done.stdout
    (tmp_path / "a.env").write_text(secret[:-1])
    clean = preloaded.run(["scan", tmp_path], env=NO_INSTALLATION)
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")
    read = preloaded.run(["scan", "-"], env=NO_INSTALLATION, stdin=f"{secret}\n{secret}\n")
    assert (read.returncode, read.stdout.count(secret[-4:])) == (1, 2)
    missing = preloaded.run(["scan", tmp_path / "none"], env=NO_INSTALLATION)
    assert (missing.returncode, missing.stdout) == (2, "")


@pytest.mark.any_database
def test_what_can_not_be_read_is_named_and_fails(tmp_path: Path) -> None:
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    done = preloaded.run(["scan", tmp_path], env=NO_INSTALLATION)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Not read: {tmp_path}/torn.zip: ")


@pytest.mark.django_db(databases="__all__")
def test_token_of_each_password_is_named(cast: Cast, now: datetime) -> None:
    token, first = create_token(actor=cast.as_alice, account=cast.acme, name="Report", expires="90d", now=now)
    _, second = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(hours=1), now=now)
    revoke_token(actor=cast.as_alice, token=token, now=now)
    foreign = password.mint()
    found = tokens_of.__wrapped__([first.password, second.password, foreign])  # type: ignore[attr-defined]
    owner = {"token_id": str(token.pk), "token_name": "Report", "token_status": "revoked"}
    none = {"token_id": None, "token_name": None, "token_status": None}
    assert found == {first.password: owner, second.password: owner, foreign: none}
