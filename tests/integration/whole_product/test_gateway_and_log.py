"""What a caller sends to the real gate through the real gateway, as the log tells it afterwards."""

import json
import socket
from typing import Any

import pytest

from simsim.gateway.addresses import HEALTH_PATH
from stack import Stack, basic

pytestmark = [pytest.mark.covers("R17", "B9"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def token(stack: Stack) -> dict[str, Any]:
    return stack.create_token("Edges")


def say(stack: Stack, *lines: bytes, source: str = "127.0.0.1", patience: float = 10) -> bytes:
    """Send one request as it is and return what comes back until our patience ends."""
    address = ("127.0.0.1", stack.gateway_port)
    with socket.create_connection(address, timeout=patience, source_address=(source, 0)) as connection:
        connection.sendall(b"\r\n".join([*lines, b"Host: api", b"Connection: close", b"", b""]))
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
        except TimeoutError:
            return got
    return got


def credentials(token: dict[str, Any]) -> bytes:
    return "Authorization: {Authorization}".format(**basic((token["username"], token["password"]))).encode()


def row_of(stack: Stack, token: dict[str, Any], resource: str) -> dict[str, Any]:
    """Return the newest row about a path, once its end is known."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        rows = stack.log_rows(token=token["id"])
        found[:] = [row for row in rows if row["resource"] == resource and row["status"] is not None]
        return bool(found)

    stack.wait_until(is_there, f"a row about {resource}", seconds=10)
    return found[0]


def test_row_has_path_and_address_for_any_bytes_from_the_caller(stack: Stack, token: dict[str, Any]) -> None:
    got = say(stack, b"GET /api/v2/entities?q=\xc3\xa9 HTTP/1.1", credentials(token))
    assert got.startswith(b"HTTP/1.1 200")
    assert row_of(stack, token, "/api/v2/entities")["address"] == "127.0.0.1"
    # What the trusted proxy appended counts, whatever its caller wrote before it.
    strange, long = b"X-Forwarded-For: \xe9, 203.0.113.9", b"X-Forwarded-For: " + b"1.1.1.1," * 900
    say(stack, b"GET /status/221 HTTP/1.1", credentials(token), strange, source="127.0.0.2")
    assert row_of(stack, token, "/status/221")["address"] == "203.0.113.9"
    more = b"X-Forwarded-For: 203.0.113.10"
    say(stack, b"GET /status/222 HTTP/1.1", credentials(token), long, long, more, source="127.0.0.2")
    assert row_of(stack, token, "/status/222")["address"] == "203.0.113.10"
    say(stack, b"GET /caf\xc3\xa9 HTTP/1.1", credentials(token))
    assert row_of(stack, token, "/caf%C3%A9")["status"] == 404


def test_row_of_a_caller_who_left_says_that(stack: Stack, token: dict[str, Any]) -> None:
    say(stack, b"GET /slow?seconds=2 HTTP/1.1", credentials(token), patience=0.3)
    row = row_of(stack, token, "/slow")
    assert (row["status"], row["outcome"]) == (499, "accepted")
    assert "the caller closed the connection" in row["detail"]


def test_doctor_ignores_requests_that_nginx_refuses(stack: Stack, token: dict[str, Any]) -> None:
    for line in (
        b"TRACE / HTTP/1.1",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1",
        b"GET / HTTP/2.5",
        b"GET /\xff\x01 HTTP/1.1",
    ):
        assert b"application/problem+json" in say(stack, line)
    say(stack, b"GET /afterwards HTTP/1.1", credentials(token))
    row_of(stack, token, "/afterwards")
    assert stack.simsim("log", "set-aside")["items"] == []


def test_gateway_is_healthy_as_long_as_the_gate_can_decide(stack: Stack) -> None:
    answer = stack.get(HEALTH_PATH)
    # Strangers may ask, so nothing is told of the workers.
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert answer.headers["Content-Type"] == "application/json"
    stack.stop_serving()
    try:
        answer = stack.get(HEALTH_PATH)
        assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        stack.serve_again()
