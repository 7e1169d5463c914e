"""A planted password is found nowhere but in the answers that are made to show it."""

import base64
import contextlib
import http.client
import sqlite3
import subprocess
import urllib.parse
from pathlib import Path

import psycopg
import pytest

from settings_for_tests import ON_POSTGRESQL
from simsim.gate.question import ask
from stack import BIN, Stack, running


@pytest.mark.timeout(600)
@pytest.mark.covers("R8", "R17", "B6")
def test_password_rests_in_no_file_log_mail_or_traceback(tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=ON_POSTGRESQL) as stack:
        token = stack.create_token("Planted")
        secret, account = token["password"], token["username"]
        stack.simsim("token", "credentials", token["id"], "--as", "alice@acme.example")
        rotated = stack.simsim("token", "rotate", token["id"], "--as", "alice@acme.example", "--overlap", "1h")
        for planted in (secret, rotated["password"]):
            use_everywhere(stack, account, planted)
        stack.wait_until(lambda: len(stack.log_rows()) >= 20, "the log is shipped")
        provoke_failures(stack, token["id"], secret)
        stack.simsim("token", "revoke", token["id"], "--as", "alice@acme.example")
        dumped = dump(stack)
    keys = tmp_path / "data" / "keys"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and keys not in path.parents]
    assert any(path.name == "serve.log" for path in files)
    for planted in (secret, rotated["password"]):
        forms = spellings(account, planted)
        holders = [path.name for path in files if any(form in path.read_bytes() for form in forms)]
        assert not holders
        assert not [form for form in forms if form in dumped]


@pytest.mark.timeout(600)
@pytest.mark.covers("R17")
def test_secrets_in_paths_queries_bodies_and_headers_are_found_nowhere_in_the_log(tmp_path: Path) -> None:
    path, query, name, body, cookie, key, agent = (f"planted{place}{'x' * 20}" for place in "abcdefg")
    settings = {"SIMSIM_LOG_PATH_PATTERNS": "/holdings/{id},/people/{person}/accounts/{iban}"}
    with running(tmp_path, on_postgresql=ON_POSTGRESQL, settings=settings) as stack:
        token = stack.create_token("Planted")
        auth = (token["username"], token["password"])
        headers = {"Cookie": f"session={cookie}", "X-Api-Key": key, "User-Agent": agent, "Referer": f"https://x/{key}"}
        for target in (
            f"/holdings/{path}", f"/holdings/{path}/prices?{name}={query}", f"/people/{path}/accounts/{path}",
            f"/api/v2/entities?{name}={query}#{query}", f"/holdings/{path}?",
        ):  # fmt: skip
            stack.get(target, auth=auth, headers=headers)
            stack.get(target, headers=headers)
        stack.get("/echo", auth=auth, headers=headers, method="POST", body=body.encode())
        stack.wait_until(lambda: len(stack.log_rows()) >= 6, "the log is shipped")
        listed = {row["resource"] for row in stack.log_rows()}
        dumped = dump(stack)
    assert {"/holdings/{id}", "/holdings/{id}/prices", "/people/{person}/accounts/{iban}", "/echo"} <= listed
    assert not [planted for planted in (path, query, name, body, cookie, key, agent) if planted.encode() in dumped]


def use_everywhere(stack: Stack, account: str, secret: str) -> None:
    """Call with the password where it belongs and wherever a careless caller may put it."""
    stack.get("/api/v2/entities", auth=(account, secret))
    stack.get(f"/api/v2/entities?password={secret}", auth=(account, secret))
    stack.get(f"/by-path/{secret}/x", auth=(account, secret))
    stack.get(f"/by-path/{urllib.parse.quote(secret)}", auth=(account, secret + "x"))
    escaped = "".join(f"%{byte:02x}" for byte in secret.encode())
    stack.get(f"/by-path/%73{secret[1:]}/x", auth=(account, secret))
    stack.get(f"/by-path/{urllib.parse.quote(escaped)}", auth=(account, secret))
    stack.get(f"/by-path/{base64.b64encode(f'{account}:{secret}'.encode()).decode()}")
    stack.get(f"/by-path/{secret[:28]}/{secret[28:]}", auth=(account, secret))
    stack.get("/swapped", auth=(secret, account))
    stack.get("/as-bearer", headers={"Authorization": f"Bearer {secret}"})
    stack.get("/agent", auth=(account, secret), headers={"User-Agent": secret, "X-Forwarded-For": secret})
    stack.get("/status/500", auth=(account, secret))
    ask(stack.data / "run" / "gate.sock", username=account, password=secret, address=None)
    stack.get("/gate/verify", auth=(account, secret), port=stack.console_port)
    stack.get(f"/sign-in/login/?next={secret}", port=stack.console_port)
    with contextlib.suppress(http.client.HTTPException, OSError):
        stack.get("/x" * 9000 + secret, auth=(account, secret))


def provoke_failures(stack: Stack, token_id: str, secret: str) -> None:
    """Make the command line and the console fail with the password in their hands."""
    broken = stack.environment | {
        "SIMSIM_TOKEN_KEYS": base64.urlsafe_b64encode(bytes(32)).decode(), "SIMSIM_DEBUG": "1"
    }  # fmt: skip
    shown = subprocess.run(
        [BIN / "simsim",
         "token", "credentials", token_id, "--as", "alice@acme.example"],
        env=broken, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 1
    assert secret not in shown.stdout + shown.stderr
    assert "Key" in shown.stderr or "key" in shown.stderr


def spellings(account: str, secret: str) -> list[bytes]:
    """Return the forms in which a password could let somebody in."""
    pair = f"{account}:{secret}".encode()
    return [
        secret.encode(), secret.encode().hex().encode(), secret[::-1].encode(), secret[4:-6].encode(),
        base64.b64encode(pair), base64.b64encode(secret.encode()), base64.urlsafe_b64encode(secret.encode()),
        secret.encode("utf-16-le"), secret[:28].encode(), secret[28:].encode(), b"%73" + secret[1:].encode(),
        "".join(f"%25{byte:02x}" for byte in secret.encode()).encode(),
    ]  # fmt: skip


def dump(stack: Stack) -> bytes:
    """Return everything that the databases hold, as text; a checkpoint first brings the WAL into the files."""
    if stack.on_postgresql:
        with psycopg.connect(stack.database_url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return b"\n".join(
                repr(connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()).encode() for (name,) in tables
            )
    for name in ("simsim.sqlite3", "request_log.sqlite3"):
        with contextlib.closing(sqlite3.connect(stack.data / name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(FULL)")
    return b"".join((stack.data / name).read_bytes() for name in ("simsim.sqlite3", "request_log.sqlite3"))
