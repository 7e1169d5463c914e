"""The main job from end to end: a token gives access to a real API through a real gateway, until it is revoked."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgresql_server
from processes import descendants
from revocations import LIMITS, PAUSES, RATES, calls_around, prove_changes, prove_revocations
from simsim.credential import password
from stack import Stack

REVOCATIONS, CALLS = 40, 4000  # and more in tests/proof
pytestmark = pytest.mark.timeout(600)


@pytest.mark.covers("R2", "R15", "R17", "B9", "B11")
def test_token_opens_the_api_and_the_request_is_in_the_log_within_a_second(stack: Stack) -> None:
    token = stack.create_token("Opens")
    answer = stack.get("/api/v2/entities?secret=value", auth=(token["username"], token["password"]))
    assert answer.status == 200
    assert isinstance(json.loads(answer.body), list)
    time.sleep(1)
    (row,) = stack.log_rows(token=token["id"])
    assert row["resource"] == "/api/v2/entities"
    assert (row["method"], row["status"], row["outcome"], row["reason"]) == ("GET", 200, "accepted", "ok")
    assert (row["token_name"], row["address"]) == ("Opens", "127.0.0.1")
    assert 0 <= row["duration_seconds"] < 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", row["received_at"])


@pytest.mark.covers("R10", "R15", "R16", "R17", "B13")
def test_every_refusal_looks_the_same_outside_and_has_its_reason_in_the_log(stack: Stack) -> None:
    good = stack.create_token("Good")
    foreign = stack.create_token("Foreign", account=stack.other_account)
    elsewhere = stack.create_token("Elsewhere", "--allow", "198.51.100.0/24")
    revoked = stack.create_token("Revoked")
    stack.revoke(revoked["id"])
    paused = stack.create_token("Paused")
    stack.simsim("token", "pause", paused["id"], "--as", "alice@acme.example", "--until", "1h")
    ends_at = int(time.time()) + 7  # a slow machine takes seconds to run the command
    expired = stack.create_token("Expired", expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at)))
    time.sleep(max(0.0, ends_at + 0.5 - time.time()))
    account, wrong = stack.account, password.mint()
    attempts = {
        "no_credentials": ("/refusal/none", None),
        "unknown_credentials": ("/refusal/wrong", (account, wrong)),
        "unknown_credentials, of another account": ("/refusal/foreign", (account, foreign["password"])),
        "expired": ("/refusal/expired", (account, expired["password"])),
        "revoked": ("/refusal/revoked", (account, revoked["password"])),
        "paused": ("/refusal/paused", (account, paused["password"])),
        "address_not_allowed": ("/refusal/address", (account, elsewhere["password"])),
        "malformed": ("/refusal/malformed", (account, good["password"] + " ")),
    }
    answers = {reason: stack.get(path, auth=auth) for reason, (path, auth) in attempts.items()}
    assert {answer.status for answer in answers.values()} == {401}
    assert len({answer.body for answer in answers.values()}) == 1
    assert {tuple(answer.headers.get_all("WWW-Authenticate") or []) for answer in answers.values()} == {
        ('Basic realm="simsim", charset="UTF-8"',)
    }
    names = [sorted(name.lower() for name in answer.headers) for answer in answers.values()]
    assert all(each == names[0] for each in names)
    time.sleep(1)
    rows = {row["resource"]: row for row in stack.log_rows() if row["resource"].startswith("/refusal/")}
    assert rows["/refusal/expired"]["reason"] == "expired"
    assert rows["/refusal/revoked"]["reason"] == "revoked"
    assert rows["/refusal/paused"]["reason"] == "paused"
    assert rows["/refusal/paused"]["detail"] == "The token “Paused” was paused."
    assert rows["/refusal/address"]["reason"] == "address_not_allowed"
    assert rows["/refusal/address"]["token_name"] == "Elsewhere"
    assert "127.0.0.1" in rows["/refusal/address"]["detail"]
    assert rows["/refusal/wrong"]["reason"] == rows["/refusal/foreign"]["reason"] == "unknown_credentials"
    assert rows["/refusal/wrong"]["detail"] != rows["/refusal/foreign"]["detail"]
    assert rows["/refusal/foreign"]["token_id"] is None
    assert {row["outcome"] for row in rows.values()} == {"refused"}
    assert {row["status"] for row in rows.values()} == {401}
    assert "/refusal/none" not in rows, "nobody's account was named, so it is in nobody's log"


@pytest.mark.covers("R13", "B1")
def test_no_request_that_begins_after_the_revocation_returned_is_accepted(stack: Stack) -> None:
    prove_revocations(stack, REVOCATIONS)


@pytest.mark.covers("B13", "B1")
def test_no_request_is_accepted_after_a_pause_returned_or_refused_after_a_resume_returned(stack: Stack) -> None:
    assert prove_changes(stack, CALLS, PAUSES) > CALLS / 4


@pytest.mark.covers("B16", "B1")
def test_no_request_is_accepted_after_its_limit_was_narrowed_or_refused_after_it_was_widened(stack: Stack) -> None:
    assert prove_changes(stack, CALLS, LIMITS) > CALLS / 4


@pytest.mark.covers("B17", "R15")
def test_no_request_that_begins_after_a_quota_was_lowered_is_accepted(stack: Stack) -> None:
    assert prove_changes(stack, CALLS, RATES) > CALLS / 4


@pytest.mark.covers("B16", "R16", "R17")
def test_request_beyond_the_limits_gets_403_with_its_own_body_and_a_row_that_says_why(stack: Stack) -> None:
    token = stack.create_token("Reader", "--limit", "GET /api/v2/**")
    auth = (token["username"], token["password"])
    assert stack.get("/api/v2/entities", auth=auth).status == 200
    refused = stack.get("/status/403", auth=auth)
    assert (refused.status, json.loads(refused.body)["type"]) == (403, "urn:simsim:problem:beyond-limits")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert not [name for name in refused.headers if name.lower().startswith(("x-simsim", "www-auth"))]
    # The API's own 403 is another answer.
    free = stack.create_token("Free")
    assert b"beyond-limits" not in stack.get("/status/403", auth=(free["username"], free["password"])).body
    rows: list[dict[str, Any]] = []

    def is_logged() -> bool:
        rows[:] = [row for row in stack.log_rows(token=token["id"]) if row["reason"] == "limit"]
        return bool(rows) and rows[0]["duration_seconds"] is not None

    stack.wait_until(is_logged, "a row about the refusal", seconds=10)
    assert (rows[0]["status"], rows[0]["outcome"]) == (403, "refused")
    assert rows[0]["detail"] == "None of the limits of the token “Reader” covers the path /status/403."


@pytest.mark.covers("R13", "B7")
def test_revocation_on_the_command_line_is_as_immediate(stack: Stack) -> None:
    for number in range(3):
        token = stack.create_token(f"Command line {number}")
        returned, seen = calls_around(stack, token, stack.revoke)
        assert {status for began, status in seen if began > returned} == {401}


@pytest.mark.covers("B9")
def test_caller_cannot_make_the_api_believe_an_account(stack: Stack) -> None:
    token = stack.create_token("Honest")
    forged = {
        "X-Simsim-Account": stack.other_account, "X-Simsim-Token": "forged", "X-Simsim-Token-Name": "forged",
        "X-Simsim-Reason": "forged", "x-simsim-account": stack.other_account, "X_Simsim_Account": stack.other_account,
    }  # fmt: skip
    answer = stack.get("/headers", auth=(token["username"], token["password"]), headers=forged)
    assert answer.status == 200
    text = answer.body.decode().lower()
    assert stack.account in text
    assert "forged" not in text
    assert stack.other_account not in text
    assert token["password"] not in text
    refused = stack.get("/headers", headers=forged)
    assert refused.status == 401
    assert "forged" not in str(refused.headers)


@pytest.mark.covers("B9", "R16")
@pytest.mark.parametrize(
    "target",
    ["//", "//api/v2/entities", "/%2e%2e/api/v2/entities", "/..%2fapi/v2/entities", "/a/../api/v2/entities",
     "http://127.0.0.1/api/v2/entities", "http://127.0.0.1//api/v2/entities", "/api/v2/entities?x=/../", "/healthz",
     "/gate/verify", "/%2f", "/./api/v2/entities", "/api/v2/entities;x", "/api/v2/entities#x", "*"],
)  # fmt: skip
def test_no_spelling_of_an_address_passes_the_gate(stack: Stack, target: str) -> None:
    with socket.create_connection(("127.0.0.1", stack.gateway_port), timeout=10) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        status = connection.makefile("rb").readline().split()[1]
    assert status in {b"401", b"400"}


@pytest.mark.covers("R16", "B9", "B11")
def test_gateway_says_503_while_no_decision_can_be_made(stack: Stack) -> None:
    """While the database is unavailable, every answer is 503 with Retry-After, and no request is accepted."""
    token = stack.create_token("T")
    auth = (token["username"], token["password"])
    assert stack.get("/status/200", auth=auth).status == 200
    with database_away(stack):
        # Each of the gate's processes notices for itself.
        stack.wait_until(lambda: {stack.get("/status/200", auth=auth).status for _ in range(20)} == {503}, "503", 3)
        answer = stack.get("/status/200", auth=auth)
        assert (answer.status, answer.headers["Retry-After"] is not None) == (503, True)
        assert stack.get("/status/200").status in {401, 503}
    stack.wait_until(lambda: {stack.get("/status/200", auth=auth).status for _ in range(20)} == {200}, "200 again", 5)


@contextlib.contextmanager
def database_away(stack: Stack) -> Iterator[None]:
    """Make the tokens' database unavailable: rename its files, or have PostgreSQL close it and end its sessions."""
    if stack.on_postgresql:
        database = stack.database_url.rpartition("/")[2]
        with psycopg.connect(postgresql_server.url(postgresql_server.start(), "postgres"), autocommit=True) as server:
            server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
            try:
                yield
            finally:
                server.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    else:
        files = [path for path in stack.data.iterdir() if path.name.startswith("simsim.sqlite3")]
        for path in files:
            path.rename(path.with_name("away-" + path.name))
        try:
            yield
        finally:
            for path in files:
                path.with_name("away-" + path.name).rename(path)


@pytest.mark.covers("R11")
def test_no_secret_is_in_the_arguments_of_a_process(stack: Stack) -> None:
    """Everybody on the machine reads the arguments of every process."""
    keys = [path.read_text().strip() for path in (stack.data / "keys").glob("*") if path.is_file()]
    keys += [
        stack.environment[name] for name in ("SIMSIM_SECRET_KEY", "SIMSIM_TOKEN_KEYS") if name in stack.environment
    ]
    assert len(keys) >= 2
    started = [process.pid for process in stack.processes.values()]
    pids = started + [below for pid in started for below in descendants(pid)]
    assert len(pids) > len(started)
    for pid in pids:
        arguments = Path(f"/proc/{pid}/cmdline").read_text()
        assert not [key for key in keys if key in arguments], arguments


@pytest.mark.covers("B11")
def test_no_process_holds_a_second_copy_of_sqlite(stack: Stack) -> None:
    """Two copies would release each other's locks on a database, and the system's may corrupt it."""
    parents = {stack.processes["serve"].pid, stack.processes["worker"].pid}
    mapped: dict[int, str] = {}
    while parents:
        for pid in parents:
            mapped[pid] = Path(f"/proc/{pid}/maps").read_text()
        children = [Path(f"/proc/{pid}/task/{pid}/children").read_text().split() for pid in parents]
        parents = {int(child) for each in children for child in each}
    assert not any("/lib-dynload/_sqlite3" in maps for maps in mapped.values())
    if not stack.on_postgresql:
        assert sum("/pysqlite3/" in maps for maps in mapped.values()) >= 3, "console, gate and worker"
