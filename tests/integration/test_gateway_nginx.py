"""The rendered configuration on a real nginx, the system's and the packaged one, before the real sample API."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.sync.client import connect

import gateway_memory
from gateway_front import Front
from simsim.gate.answer import BEYOND_RATE_BODY, CHALLENGE, THROTTLED_BODY, UNAUTHORIZED_BODY, UNDECIDED_BODY
from simsim.gateway.nginx_program import find_binary, packaged_binary, system_binary

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9"), pytest.mark.timeout(600)]
SIZE = 4 * gateway_memory.MAX_GROWTH  # and a gigabyte in tests/proof


@pytest.fixture(scope="module", params=["system", "packaged"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    binary = system_binary() if request.param == "system" else packaged_binary()
    assert binary is not None
    started = Front(tmp_path_factory.mktemp(f"gateway-{request.param}"))
    started.start(binary)
    yield started
    started.stop()


@pytest.mark.covers("R16")
def test_refusal_has_the_gates_body_and_one_challenge(front: Front) -> None:
    status, headers, body = front.get(wish="401")
    assert (status, body) == (401, UNAUTHORIZED_BODY)
    assert headers.get_all("WWW-Authenticate") == [CHALLENGE]
    assert headers["Content-Type"] == "application/problem+json"
    assert not [name for name in headers if name.lower().startswith("x-simsim")]


@pytest.mark.parametrize("wish", ["500", "503", "404", "301", "hang"])
def test_gate_that_does_not_decide_is_503_with_retry_after(front: Front, wish: str) -> None:
    status, headers, body = front.get(wish=wish)
    assert (status, body) == (503, UNDECIDED_BODY)
    assert int(headers["Retry-After"]) >= 1


def test_throttled_caller_gets_429_and_the_gates_retry_after(front: Front) -> None:
    status, headers, body = front.get(wish="429")
    assert (status, headers["Retry-After"], body) == (429, "17", THROTTLED_BODY)


@pytest.mark.covers("B17")
def test_token_beyond_its_rate_gets_429_with_the_standard_fields(front: Front) -> None:
    status, headers, body = front.get(wish="429rated", RateLimit="forged")
    assert (status, headers["Retry-After"], body) == (429, "17", BEYOND_RATE_BODY)
    assert headers.get_all("RateLimit") == ['"day";r=0;t=17']
    assert headers["RateLimit-Policy"] == '"rate";q=20;w=2, "day";q=10000;w=86400'
    assert "RateLimit" not in front.get(wish="429")[1]
    assert "RateLimit" not in front.get(wish="503")[1]


@pytest.mark.parametrize("status", [401, 429])
def test_request_that_the_gate_has_counted_leaves_no_line(front: Front, status: int) -> None:
    seen, headers, _ = front.get(f"/counted/{status}", wish=f"{status}counted", X_Simsim_Counted="0")
    assert seen == status
    assert not [name for name in headers if name.lower().startswith("x-simsim")]
    front.get(f"/not-counted/{status}", wish=str(status), X_Simsim_Counted="1")
    front.line_about(f"/not-counted/{status}")
    assert f"/counted/{status}" not in {line["path"] for line in front.lines()}


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500, 502, 503])
def test_apis_answer_passes_unchanged(front: Front, status: int) -> None:
    seen, headers, body = front.get(f"/status/{status}")
    assert (seen, json.loads(body)) == (status, {"status": status})
    assert headers["Content-Type"] == "application/json"


def test_api_sees_only_the_gates_identity_headers(front: Front) -> None:
    path = "/headers"
    _, _, body = front.get(
        path, X_Simsim_Account="forged", X_Simsim_Token="forged", X_Simsim_Token_Name="forged",
        X_Simsim_Reason="forged", X_Forwarded_Method="DELETE", X_Original_URI="/forged", X_Request_Id="0" * 32,
    )  # fmt: skip
    seen: dict[str, list[str]] = {}
    for name, value in json.loads(body):
        seen.setdefault(name.lower(), []).append(value)
    assert seen["x-simsim-account"] == ["account-1"]
    assert seen["x-simsim-token"] == ["token-1"]
    assert seen["x-simsim-token-name"] == ["name%201"]
    assert "x-simsim-reason" not in seen
    assert "authorization" not in seen
    asked = front.asked[-1]
    assert (asked["x-forwarded-method"], asked["x-forwarded-uri"]) == ("GET", path)
    assert "x-original-uri" not in asked
    assert "x-simsim-account" not in asked
    assert asked["x-request-id"] == seen["x-request-id"][0] == front.line_about(path)["id"] != "0" * 32


@pytest.mark.parametrize(
    "path", ["//a//b", "/a/../b", "/%2e%2e/b", "/a%2Fb", "/a?x=%00&y", "/ü".encode().decode("latin-1")]
)
def test_api_gets_the_address_as_the_client_sent_it(front: Front, path: str) -> None:
    before = len(front.asked)
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: 204\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        status = connection.makefile("rb").readline().split()[1]
    if len(front.asked) > before:
        assert front.asked[-1]["x-forwarded-uri"].encode("latin-1") == path.encode("latin-1")
        assert status == b"404"
    else:
        assert status == b"400"


def test_log_line_has_no_query_and_no_password(front: Front) -> None:
    secret = "sim_" + "a" * 49
    front.get(f"/query?password={secret}")
    front.get(f"/path/{secret}/x/{secret}?q")
    front.get("/quote\"\\'")
    front.line_about("/quote\"\\'")
    assert [line["path"] for line in front.lines()[-3:]][:2] == ["/query", "/sim_***"]
    assert secret not in (front.directory / "spool" / "gateway.jsonl").read_text()


@pytest.mark.covers("R17")
def test_no_spelling_of_a_password_is_in_a_log_line(front: Front) -> None:
    secret = "sim_" + "a" * 49
    spellings = ["%73im_" + secret[4:], "%2573%69m%5F" + secret[4:], secret[:30]]
    # The three ways in which three bytes may begin within the pair.
    spellings += [base64.b64encode(f"{name}:{secret}".encode()).decode() for name in ("u", "us", "use")]
    for spelling in spellings:
        front.get(f"/spelled/{spelling}/x")
    front.get("/after-spellings")
    front.line_about("/after-spellings")
    assert [line["path"] for line in front.lines()[-len(spellings) - 1 : -1]] == ["/sim_***"] * len(spellings)


def test_log_is_reopened_when_it_was_moved_away_and_no_line_is_lost(front: Front) -> None:
    log = front.directory / "spool" / "gateway.jsonl"
    moved = log.with_name("gateway-moved.jsonl")
    log.rename(moved)
    front.processes["gateway"].send_signal(signal.SIGUSR1)
    sent, deadline = 0, time.monotonic() + 10
    while not (log.exists() and front.lines()):
        assert time.monotonic() < deadline
        front.get("/around-rotation")
        sent += 1
        time.sleep(0.02)
    front.get("/after-rotation")
    front.line_about("/after-rotation")
    written = moved.read_text() + log.read_text()
    assert written.count("/around-rotation") == sent


def test_api_that_is_away_is_502_with_the_requests_id(front: Front, tmp_path: Path) -> None:
    lonely = Front(tmp_path)
    lonely.start(find_binary())
    try:
        lonely.processes["api"].terminate()
        lonely.processes["api"].wait(timeout=20)
        status, headers, body = lonely.get()
        assert (status, json.loads(body)["type"]) == (502, "urn:simsim:problem:api-unreachable")
        assert headers["X-Request-Id"] == lonely.asked[-1]["x-request-id"]
    finally:
        lonely.stop()


def test_websocket_is_carried_both_ways(front: Front) -> None:
    with connect(
        f"ws://127.0.0.1:{front.port}/ws/echo", additional_headers={"Authorization": "204"}, proxy=None
    ) as socket_:
        for message in ("open sesame", b"\x00\xff" * 5000):
            socket_.send(message)
            assert socket_.recv(timeout=10) == message


@pytest.mark.parametrize("transfer", [gateway_memory.download, gateway_memory.echo])
def test_large_body_passes_without_being_stored(front: Front, transfer: gateway_memory.Transfer) -> None:
    gateway_memory.prove_that_nothing_is_stored(front, transfer, SIZE)


def test_gateway_takes_nginx_along_however_it_ends(tmp_path: Path) -> None:
    for number, signum in enumerate((signal.SIGTERM, signal.SIGKILL)):
        place = tmp_path / str(number)
        place.mkdir()
        front = Front(place)
        front.start(find_binary())
        front.processes["gateway"].send_signal(signum)
        front.processes["gateway"].wait(timeout=20)
        deadline = time.monotonic() + 10
        while True:
            # Reset is what was still in the queue of a socket that is being closed.
            with suppress(ConnectionResetError):
                try:
                    socket.create_connection(("127.0.0.1", front.port), timeout=1).close()
                except ConnectionRefusedError:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        front.stop()


def test_taken_port_is_reported_in_one_line(front: Front) -> None:
    simsim = str(Path(sys.executable).with_name("simsim"))
    command = [simsim, "gateway", "--upstream", "http://127.0.0.1:9", "--listen", str(front.port)]
    environment = os.environ | {"SIMSIM_DATA_DIR": str(front.directory), "SIMSIM_DATABASE_URL": "sqlite:///unused"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(front.port) in done.stderr
