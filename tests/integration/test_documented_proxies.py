"""Each proxy of docs/operators/proxies.md before the real gate: what a hostile caller sends it stays without effect.

`PROXIES_UNDER_TEST=envoy` runs the same before another of the page, where it is installed.
"""

import base64
import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from documented_proxies import StackWithProxies
from raw_api import TUNNEL, raw_api, say
from settings_for_tests import ON_POSTGRESQL

pytestmark = [pytest.mark.any_database, pytest.mark.covers("R15", "B9"), pytest.mark.timeout(180)]
MAKES = os.environ.get("PROXIES_UNDER_TEST", "caddy,nginx,haproxy").split(",")
WEBSOCKET = (
    b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
FAILURES = 40  # more than the other tests send from their address
FORGED = b"forged-by-the-caller"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithProxies]:
    limit = {"SIMSIM_FAILURES_PER_ADDRESS": str(FAILURES)}
    stack = StackWithProxies(tmp_path_factory.mktemp("proxies"), ON_POSTGRESQL, settings=limit)
    with raw_api(stack.api_port):
        try:
            stack.start_serving()
            for make in MAKES:
                stack.start_proxy(make)
            yield stack
        finally:
            stack.stop()


@pytest.fixture(scope="module")
def credentials(stack: StackWithProxies) -> bytes:
    token = stack.create_token("Of the caller")
    pair = f"{token['username']}:{token['password']}".encode()
    return b"Authorization: Basic " + base64.b64encode(pair)


def request(*headers: bytes, line: bytes = b"GET /reached HTTP/1.1", body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: api.example.com", *headers, b"", body])


def reached(answer: bytes) -> list[str]:
    """Return the head that came to the API, in lower case."""
    assert answer.startswith(b"HTTP/1.1 200"), answer
    body = answer.partition(b"\r\n\r\n")[2]  # in one piece, or in one chunk
    return [line.lower() for line in json.loads(body[body.index(b"[") : body.rindex(b"]") + 1])]


def identity(lines: list[str]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines if "simsim" in line.partition(":")[0])


pytestmark.append(pytest.mark.parametrize("make", MAKES))


def test_api_is_told_who_calls_and_no_password(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    lines = reached(say(stack.ports[make], request(credentials)))
    said = identity(lines)
    assert set(said) == {"x-simsim-account", "x-simsim-token", "x-simsim-token-name"}
    assert (said["x-simsim-account"], said["x-simsim-token-name"]) == (stack.account, "of%20the%20caller")
    assert not [line for line in lines if line.startswith("authorization")]


@pytest.mark.parametrize(
    "headers",
    [
        [b"Connection: X-Simsim-Account, X-Simsim-Token"],
        [b"Connection: close, x-simsim-account", b"Connection: X-SIMSIM-TOKEN-NAME"],
        [b"Connection: keep-alive, X-Simsim-Token, Upgrade", b"Upgrade: h2c"],
        [*WEBSOCKET[1:], b"Connection: Upgrade, X-Simsim-Account"],
        [b"Proxy-Connection: X-Simsim-Account", b"TE: trailers", b"Connection: TE, X-Simsim-Account"],
    ],
    ids=["two names", "two headers", "with an upgrade", "in a handshake", "with TE"],
)
def test_connection_takes_no_header_of_ours_away(
    stack: StackWithProxies, credentials: bytes, make: str, headers: list[bytes]
) -> None:
    answer = say(stack.ports[make], request(credentials, *headers))
    if make == "envoy" and not answer.endswith(b"]"):  # it gives no body of an answer to a handshake but 101
        assert b"\r\ncontent-length: 0\r\n" in answer
        return
    lines = reached(answer)
    assert not [line for line in lines if line.startswith("connection:") and "simsim" in line]
    said = identity(lines)
    assert set(said) == {"x-simsim-account", "x-simsim-token", "x-simsim-token-name"}
    assert said["x-simsim-account"] == stack.account


@pytest.mark.parametrize(
    "name",
    [
        b"X-Simsim-Account", b"x-simsim-role", b"X-SIMSIM-ADMIN", b"X_Simsim_Account", b"X-Simsim_Account",
        b"X_Simsim-Token", b"x_simsim_role", b"X-Simsim-Reason", b"X-Simsim-Request", b"X-Simsim", b"X-Simsim-",
        b"X-Simsim-Token-Name",
    ],
)  # fmt: skip
def test_nothing_of_the_caller_s_under_our_names_reaches_the_api(
    stack: StackWithProxies, credentials: bytes, make: str, name: bytes
) -> None:
    forged = name + b": " + FORGED
    lines = reached(say(stack.ports[make], request(forged, credentials, forged)))
    assert FORGED.decode() not in "".join(lines)
    assert identity(lines)["x-simsim-account"] == stack.account


def test_nothing_of_ours_comes_as_a_trailer(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    if make == "haproxy":  # the option that drops them came with 3.2; the page says so
        return
    head = (b"Transfer-Encoding: chunked", b"Trailer: X-Simsim-Account", b"Connection: close")
    body = b"3\r\nabc\r\n0\r\nX-Simsim-Account: " + FORGED + b"\r\n\r\n"
    answer = say(stack.ports[make], request(credentials, *head, line=b"POST /reached HTTP/1.1", body=body))
    assert FORGED not in answer


NOT_A_HANDSHAKE: tuple[list[bytes], ...] = (
    [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
    [b"Connection: Upgrade", b"Upgrade: h2c, websocket"],
    [b"Connection: Upgrade", b"Upgrade: websocket, h2c"],
    [b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket", *WEBSOCKET[2:]],
    [b"Connection: Upgrade", b"Upgrade: tls/1.0"],
    [b"Connection: upgrade", b"Upgrade: anything"],
    [b"Connection: Upgrade", b"Upgrade: websocket/13"],
    [b"Connection: Upgrade", b"Upgrade: \x0bwebsocket"],
    [b"Upgrade: h2c"],
    [],
)


def test_only_a_websocket_becomes_a_tunnel(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    def attempt(headers: list[bytes]) -> tuple[bytes, bytes]:
        # This API changes protocols without being asked to, too.
        token = b"tls/1.0" if b"tls" in b"".join(headers) else b"h2c"
        asked = request(credentials, *headers, line=b"GET /switch/" + token + b" HTTP/1.1")
        tunnel = say(stack.ports[make], asked, b"smuggled\n", seconds=1.5)
        return tunnel, say(stack.ports[make], request(credentials, *headers), seconds=1.5).lower()

    # At the same time, because each of them waits.
    with ThreadPoolExecutor(len(NOT_A_HANDSHAKE)) as threads:
        for headers, (tunnel, lines) in zip(NOT_A_HANDSHAKE, threads.map(attempt, NOT_A_HANDSHAKE), strict=True):
            assert TUNNEL not in tunnel, headers
            assert b'"upgrade: h2c' not in lines, headers


def test_post_is_never_upgraded(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    line = b"POST /switch/websocket HTTP/1.1"
    asked = request(credentials, *WEBSOCKET, b"Content-Length: 2", line=line, body=b"ab")
    answer = say(stack.ports[make], asked, b"smuggled\n", seconds=3)
    assert TUNNEL not in answer


def test_websocket_is_passed_on(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    asked = request(credentials, *WEBSOCKET, line=b"GET /switch/websocket HTTP/1.1")
    answer = say(stack.ports[make], asked, b"hello\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    assert answer.endswith(TUNNEL + b"hello\n")
    assert say(stack.ports[make], request(*WEBSOCKET)).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "asked",
    [
        request(line=b"GET /\xff\xfe HTTP/1.1"), request(b"X-Forwarded-For: \xff, 1.2.3.4"),
        request(b"Authorization: \xff"), request(b"Authorization: Basic \xff", b"Authorization: Basic YTpi"),
        request(*[b"X-Filler-%d: x" % number for number in range(150)]), request(line=b"CONNECT api:443 HTTP/1.1"),
        request(line=b"TRACE / HTTP/1.1"), request(b"User-Agent: a\x01b"), request(line=b"GET /gate/verify HTTP/1.1"),
        request(line=b"GET /.simsim/ask HTTP/1.1"), request(line=b"OPTIONS * HTTP/1.1"),
        request(b"X-Forwarded-Uri: /other", b"X-Forwarded-Method: HEAD", b"X-Request-Id: " + b"0" * 32),
        request(b"Content-Length: 5", b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1", body=b"0\r\n\r\n"),
    ],
    ids=["target", "forwarded-for", "raw", "two", "150", "connect", "trace", "control", "gate", "ask", "options",
         "named", "both lengths"],
)  # fmt: skip
def test_nothing_strange_opens_the_api_without_credentials(stack: StackWithProxies, make: str, asked: bytes) -> None:
    answer = say(stack.ports[make], asked)
    status = answer.split(b" ", 2)[1] if answer else b"400"
    if b"OPTIONS *" in asked and status == b"200":  # Caddy answers this one itself
        assert answer.endswith(b"\r\n\r\n")
        return
    assert status in {b"400", b"401", b"403", b"404", b"405", b"431", b"501", b"503"}, answer
    assert b'"GET ' not in answer
    assert b"x-simsim" not in answer.lower()


def test_many_headers_are_not_told_to_try_again(stack: StackWithProxies, credentials: bytes, make: str) -> None:
    many = [b"X-Filler-%d: x" % number for number in range(150)]
    answer = say(stack.ports[make], request(credentials, *many))
    assert answer.split(b" ", 2)[1] in {b"200", b"431", b"400"}, answer


def test_refusal_tells_no_reason(stack: StackWithProxies, make: str) -> None:
    for headers in ([], [b"Authorization: Basic YTpi"]):
        answer = say(stack.ports[make], request(*headers)).lower()
        assert answer.startswith(b"http/1.1 401")
        assert b'www-authenticate: basic realm="simsim"' in answer
        assert b"x-simsim" not in answer


@pytest.mark.covers("R16")
def test_caller_that_keeps_failing_gets_429_with_retry_after(
    stack: StackWithProxies, credentials: bytes, make: str
) -> None:
    own = f"127.0.1.{MAKES.index(make) + 1}"
    connection = http.client.HTTPConnection("127.0.0.1", stack.ports[make], timeout=20, source_address=(own, 0))
    wrong = {"Authorization": "Basic YTpi"}
    # Each process of the gate counts for itself.
    for _ in range(8 * FAILURES):
        connection.request("GET", "/", headers=wrong)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            break
    assert (answer.status, json.loads(body)["type"]) == (429, "urn:simsim:problem:too-many-failures")
    assert int(answer.headers["Retry-After"]) in {1, 2}
    assert not [name for name in answer.headers if name.lower().startswith("x-simsim")]
    name, _, value = credentials.decode().partition(": ")
    connection.request("GET", "/reached", headers={name: value})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.covers("R16")
def test_gate_that_is_away_or_silent_is_503_with_retry_after(
    stack: StackWithProxies, credentials: bytes, make: str
) -> None:
    stack.stop_serving()
    try:
        answer = say(stack.ports[make], request(credentials), seconds=20).lower()
        assert answer.startswith(b"http/1.1 503"), answer
        assert b"\r\nretry-after: 1\r\n" in answer
        assert b"content-type: application/problem+json" in answer
        assert b"urn:simsim:problem:undecided" in answer
    finally:
        stack.serve_again()
