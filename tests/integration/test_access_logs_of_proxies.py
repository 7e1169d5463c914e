"""A real Caddy before the real gate: what its access log says of a request joins what the gate decided, once."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from proxies import StackWithCaddy, rotate_by_copying
from settings_for_tests import ON_POSTGRESQL
from stack import Answer, started

pytestmark = [pytest.mark.any_database, pytest.mark.covers("R17", "B9"), pytest.mark.timeout(600)]
QUERY_SECRET = "what-only-the-query-holds"
HEADER_SECRET = "what-only-a-header-holds"
OURS = "account_id IS NOT NULL AND"
ENDED = f"{OURS} duration_seconds IS NOT NULL AND"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithCaddy]:
    with started(StackWithCaddy(tmp_path_factory.mktemp("caddy"), ON_POSTGRESQL)) as stack:
        yield stack


@pytest.fixture(scope="module")
def token(stack: StackWithCaddy) -> dict[str, Any]:
    return stack.create_token("Through Caddy")


def call(stack: StackWithCaddy, path: str, token: dict[str, Any], password: str = "", **more: Any) -> Answer:
    auth = (token["username"], password or token["password"])
    return stack.get(path, auth=auth, port=stack.proxy_port, **more)


def rows(stack: StackWithCaddy, path: str) -> list[dict[str, Any]]:
    return [row for row in stack.log_rows() if row["resource"] == path]


def ended_row(stack: StackWithCaddy, path: str) -> dict[str, Any]:
    """Return the one row about a path, once its end is in it."""
    stack.wait_until(lambda: count_of(stack, path, ENDED) == count_of(stack, path, OURS) > 0, path)
    (row,) = rows(stack, path)
    return row


def count_of(stack: StackWithCaddy, path: str, which: str = "") -> int:
    """Return how many rows tell of a path, whoever's they are unless a condition says which."""
    sql = f"SELECT count(*) FROM request_log_loggedrequest WHERE {which} resource = "
    if ON_POSTGRESQL:
        with psycopg.connect(stack.database_url) as connection:
            found = connection.execute(f"{sql}%s".encode(), [path]).fetchone()
    else:
        with closing(sqlite3.connect(stack.data / "request_log.sqlite3", timeout=10)) as connection:
            found = connection.execute(f"{sql}?", [path]).fetchone()
    assert found
    return int(found[0])


def test_each_request_through_caddy_is_logged_once_with_its_end(stack: StackWithCaddy, token: dict[str, Any]) -> None:
    assert call(stack, "/status/404/gone", token).status == 404
    assert call(stack, "/echo", token, method="POST", body=b"x" * 1000).body == b"x" * 1000
    refused = call(stack, "/api/v2/entities", token, password="sim_" + "a" * 49)
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert not [name for name in refused.headers if name.lower().startswith("x-simsim")]
    found = ended_row(stack, "/status/404/gone")
    assert (found["outcome"], found["status"], found["token_name"]) == ("accepted", 404, "Through Caddy")
    assert (found["method"], found["address"]) == ("GET", "127.0.0.1")
    found = ended_row(stack, "/echo")
    assert (found["outcome"], found["status"], found["method"]) == ("accepted", 200, "POST")
    found = ended_row(stack, "/api/v2/entities")
    assert (found["outcome"], found["status"], found["reason"]) == ("refused", 401, "unknown_credentials")


def test_requests_that_pass_no_gate_are_not_logged(stack: StackWithCaddy, token: dict[str, Any]) -> None:
    assert stack.get("/unprotected", port=stack.other_port).body == b"unprotected"
    assert call(stack, "/after", token).status == 404
    ended_row(stack, "/after")
    assert "/unprotected" in stack.access_log.read_text()
    assert count_of(stack, "/unprotected") == 0


def test_no_secret_of_a_request_is_stored(stack: StackWithCaddy, token: dict[str, Any]) -> None:
    path = f"/secrets?password={token['password']}&q={QUERY_SECRET}"
    assert call(stack, path, token, headers={"Cookie": HEADER_SECRET}).status == 404
    with stack.access_log.open("a") as log:
        broken = {"uri": path, "headers": {"Authorization": ["Basic " + HEADER_SECRET], "Cookie": [HEADER_SECRET]}}
        log.write(json.dumps(broken)[:-3] + "\n")
    ended_row(stack, "/secrets")
    stack.wait_until(lambda: stack.simsim("log", "set-aside")["items"], "the broken line is told")
    (aside,) = stack.simsim("log", "set-aside")["items"]
    assert aside["name"] == "access.json"
    assert '"uri": "/secrets?***"' in aside["text"]
    kept = [path.read_bytes() for path in stack.data.rglob("*") if path.is_file() and path.stat().st_size < 2**26]
    everything = b"".join(kept) + json.dumps(aside).encode() + json.dumps(stack.log_rows()).encode()
    for secret in (QUERY_SECRET, HEADER_SECRET, token["password"]):
        assert secret.encode() not in everything


def test_a_caller_without_credentials_has_one_row(stack: StackWithCaddy) -> None:
    assert stack.get("/anonymous", port=stack.proxy_port).status == 401
    stack.wait_until(lambda: count_of(stack, "/anonymous") == 1, "a row")
    stack.wait_until(lambda: b"/anonymous" in stack.access_log.read_bytes(), "Caddy's line")
    time.sleep(1)
    assert count_of(stack, "/anonymous") == 1


def test_rotation_by_renaming_and_by_copying_loses_and_repeats_nothing(
    stack: StackWithCaddy, token: dict[str, Any]
) -> None:
    paths = [f"/rotated/{number}" for number in range(9)]
    for number, path in enumerate(paths):
        assert call(stack, path, token).status == 404
        if number == 2:
            rotate_by_copying(stack.access_log)  # Caddy goes on where it was, behind a hole
        if number == 5:
            ended_row(stack, path)
            stack.access_log.rename(stack.access_log.with_name("access.json.1"))
    for path in paths:
        assert ended_row(stack, path)["outcome"] == "accepted"
    assert all(stack.access_log.with_name(f"access.json.{number}").exists() for number in (1, 2))
