"""The gateway's edges on both nginxes: what may be upgraded, which bytes are seen, what nginx answers by itself."""

import base64
import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from gateway_front import Api, Front
from simsim.gateway.addresses import HEALTH_PATH
from simsim.gateway.nginx_program import packaged_binary, system_binary

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9")]

KEY = b"Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef")
HANDSHAKE = (b"Host: api", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", KEY)
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: api\r\nAuthorization: 401\r\nX-Simsim-Account: forged\r\n\r\n"
TRUSTED = "127.0.0.2"  # of all loopback addresses, the one that SIMSIM_TRUSTED_PROXIES names here


class Edge(Front):
    """A gateway before an API that keeps every head."""

    api: Api

    def headers_at_api(self, path: bytes, *lines: bytes, source: str = "127.0.0.1") -> dict[str, list[str]]:
        self.say(b"GET " + path + b" HTTP/1.1", b"Host: api", b"Connection: close", *lines, source=source)
        return self.api.head_of(path)


@pytest.fixture(scope="module", params=["system", "packaged"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    binary = system_binary() if request.param == "system" else packaged_binary()
    assert binary is not None
    api = Api()
    started = Edge(
        tmp_path_factory.mktemp(f"edge-{request.param}"), api.url, {"SIMSIM_TRUSTED_PROXIES": f"{TRUSTED}, fd00:1::/32"}
    )
    started.api = api
    started.start(binary)
    yield started
    started.stop()
    api.shutdown()
    api.server_close()


def replaced(old: bytes, *new: bytes) -> tuple[bytes, ...]:
    return tuple(line for line in HANDSHAKE if not line.startswith(old)) + new


NOT_A_HANDSHAKE = {
    "h2c": (b"GET", replaced(b"Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")),
    "h2c after websocket": (b"GET", replaced(b"Upgrade", b"Upgrade: websocket, h2c")),
    "h2c before websocket": (b"GET", replaced(b"Upgrade", b"Upgrade: h2c, websocket")),
    "HTTP/2.0": (b"GET", replaced(b"Upgrade", b"Upgrade: HTTP/2.0")),
    "TLS": (b"OPTIONS", replaced(b"Upgrade", b"Upgrade: TLS/1.0")),
    "a version of websocket": (b"GET", replaced(b"Upgrade", b"Upgrade: websocket/13")),
    "websocket and more": (b"GET", replaced(b"Upgrade", b"Upgrade: websocket h2c")),
    "connect-udp": (b"GET", replaced(b"Upgrade", b"Upgrade: connect-udp")),
    "POST": (b"POST", replaced(b"none")),
    "a body": (b"GET", replaced(b"none", b"Content-Length: 4")),
    "no version": (b"GET", replaced(b"Sec-WebSocket-Version")),
    "an old version": (b"GET", replaced(b"Sec-WebSocket-Version", b"Sec-WebSocket-Version: 8")),
    "no key": (b"GET", replaced(b"Sec-WebSocket-Key")),
    "a short key": (b"GET", replaced(b"Sec-WebSocket-Key", b"Sec-WebSocket-Key: AAAA")),
    "a key that hides others": (
        b"GET", replaced(b"Sec-WebSocket-Version", b"Sec-WebSocket-Version: 13 " + KEY[19:] + b"  websocket Upgrade,"),
    ),
    "no Connection": (b"GET", replaced(b"Connection")),
    "another Connection": (b"GET", replaced(b"Connection", b"Connection: xupgrade")),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_A_HANDSHAKE)
def test_only_a_websocket_s_handshake_is_upgraded_and_no_second_message_passes_unasked(edge: Edge, name: str) -> None:
    method, lines = NOT_A_HANDSHAKE[name]
    edge.api.heads.clear()
    edge.asked.clear()
    # The far end answers 101 whatever it is asked: it is the gateway that must not make a tunnel of it.
    body = b"body" if name == "a body" else b""
    edge.say(method + b" /tunnel HTTP/1.1", *lines, then=body + SECOND)
    head = edge.api.head_of(b"/tunnel")
    assert "upgrade" not in head
    assert "http2-settings" not in head
    assert "upgrade" not in head.get("connection", [""])[0].lower()
    assert [b"smuggled" in each for each in edge.api.heads].count(True) == 0


def test_http_1_0_is_not_upgraded(edge: Edge) -> None:
    edge.say(b"GET /tunnel HTTP/1.0", *HANDSHAKE, then=SECOND)
    assert "upgrade" not in edge.api.head_of(b"/tunnel")


@pytest.mark.parametrize(
    "lines",
    [
        HANDSHAKE,
        replaced(b"Upgrade", b"Upgrade: WebSocket"),
        replaced(b"Connection", b"Connection: keep-alive, Upgrade"),
        replaced(b"Connection", b"connection: upgrade,X-Simsim-Account"),
    ],
)
def test_handshake_reaches_the_api_in_the_gateway_s_own_words(edge: Edge, lines: tuple[bytes, ...]) -> None:
    got = edge.say(b"GET /tunnel/ws HTTP/1.1", *lines, b"X-Simsim-Account: forged", then=b"frame")
    head = edge.api.head_of(b"/tunnel/ws")
    assert got.startswith(b"HTTP/1.1 101")
    assert (head["upgrade"], head["connection"]) == (["websocket"], ["upgrade"])
    assert head["x-simsim-account"] == ["account-1"]


def test_second_upgrade_line_is_never_passed_on(edge: Edge) -> None:
    edge.say(b"GET /tunnel/two HTTP/1.1", *HANDSHAKE, b"Upgrade: h2c")
    assert edge.api.head_of(b"/tunnel/two").get("upgrade", ["websocket"]) == ["websocket"]


@pytest.mark.parametrize(
    "line", [b"CONNECT api:443 HTTP/1.1", b"PRI * HTTP/2.0", b"GET /x HTTP/2.0", b"GET /x HTTP/1.1 h2c"]
)
def test_other_ways_into_a_tunnel_never_reach_the_api(edge: Edge, line: bytes) -> None:
    edge.api.heads.clear()
    got = edge.say(line, b"Host: api", then=SECOND)
    assert got.split(b" ")[1] in {b"400", b"405", b"505"}
    assert not edge.api.heads


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        (b"Transfer-Encoding: xchunked",),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: +5",),
    ],
)
def test_body_of_two_lengths_never_reaches_the_api(edge: Edge, lines: tuple[bytes, ...]) -> None:
    edge.api.heads.clear()
    got = edge.say(b"POST /two HTTP/1.1", b"Host: api", *lines, then=b"0\r\n\r\n" + SECOND)
    assert got.split(b" ")[1] in {b"400", b"501"}
    assert b"application/problem+json" in got
    assert not edge.api.heads


@pytest.mark.parametrize(
    "name",
    ["X-Simsim-Role", "x-simsim-x", "X-SIMSIM-Account-", "X-Simsim-", "X_Simsim_Role", "X-Simsim_Role", "X-Simsim.A"],
)  # fmt: skip
def test_nothing_under_our_names_reaches_the_api(edge: Edge, name: str) -> None:
    # Sixty lines: nginx keeps headers in pieces of twenty.
    lines = [f"X-H{number}: 1".encode() for number in range(30)] + [name.encode() + b": evil"] * 30
    seen = edge.headers_at_api(b"/role", *lines)
    ours = sorted(name for name in seen if "simsim" in name)
    assert ours == ["x-simsim-account", "x-simsim-token", "x-simsim-token-name"]
    assert "evil" not in str(seen)
    assert seen["x-h29"] == ["1"]


def test_api_can_neither_speak_under_our_names_nor_send_nginx_elsewhere(edge: Edge) -> None:
    edge.asked.clear()
    got = edge.say(b"GET /accel HTTP/1.1", b"Host: api", b"Connection: close")
    assert got.startswith(b"HTTP/1.1 200")
    assert b"x-simsim" not in got.lower()
    assert b"x-accel" not in got.lower()
    assert [asked["x-forwarded-uri"] for asked in edge.asked] == ["/accel"]
    assert not [head for head in edge.api.heads if b"/elsewhere" in head]


@pytest.mark.parametrize(
    ("source", "lines", "expected"),
    [
        (TRUSTED, (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: api.example.com"), ("https", "api.example.com")),
        (TRUSTED, (b"X-Forwarded-Proto: http, HTTPS", b"X-Forwarded-Host: a, b:8443"), ("https", "b:8443")),
        (TRUSTED, (b"X-Forwarded-Proto: wss",), ("wss", "api")),
        (TRUSTED, (b"X-Forwarded-Proto: https://x", b"X-Forwarded-Host: a b"), ("http", "api")),
        (TRUSTED, (b"X-Forwarded-Proto: \xff", b"X-Forwarded-Host: \xff"), ("http", "api")),
        (TRUSTED, (), ("http", "api")),
        ("127.0.0.1", (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: evil"), ("http", "api")),
        ("127.0.0.3", (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: evil"), ("http", "api")),
    ],
)
def test_api_is_told_scheme_and_host_by_trusted_proxies_and_nobody_else(
    edge: Edge, source: str, lines: tuple[bytes, ...], expected: tuple[str, str]
) -> None:
    seen = edge.headers_at_api(b"/said", *lines, source=source)
    assert (*seen["x-forwarded-proto"], *seen["x-forwarded-host"]) == expected


def test_api_is_told_the_way_of_a_request_by_trusted_proxies_and_nobody_else(edge: Edge) -> None:
    said = (b"X-Forwarded-For: 203.0.113.9", b"Forwarded: for=203.0.113.9;proto=https", b"X-Forwarded-Port: 443")
    seen = edge.headers_at_api(b"/way", *said, b"X-Real-IP: 203.0.113.9", source=TRUSTED)
    assert seen["x-forwarded-for"] == [f"203.0.113.9, {TRUSTED}"] == [edge.asked[-1]["x-forwarded-for"]]
    assert (seen["forwarded"], seen["x-forwarded-port"]) == (["for=203.0.113.9;proto=https"], ["443"])
    assert seen["x-real-ip"] == ["203.0.113.9"]
    seen = edge.headers_at_api(b"/way", *said, b"X-Real-IP: 203.0.113.9", b"X-Forwarded-Prefix: /evil")
    assert seen["x-forwarded-for"] == ["127.0.0.1"] == [edge.asked[-1]["x-forwarded-for"]]
    assert not {"forwarded", "x-forwarded-port", "x-real-ip", "x-forwarded-prefix"} & seen.keys()


@pytest.mark.parametrize("target", [b"/caf\xc3\xa9", b"/caf\xe9?x", b"/a?q=\xc3\xa9", b"/\xff", b"/a#\x80", b"/\xc3"])
def test_gate_sees_every_byte_of_the_target(edge: Edge, target: bytes) -> None:
    edge.headers_at_api(target)
    assert edge.asked[-1]["x-forwarded-uri"].encode("latin-1") == target


@pytest.mark.parametrize("said", [b"\xc3\xa9", b"\xff, 198.51.100.7", b"a\x01b", b"\x7f", b'"\xe9"'])
def test_gate_sees_every_byte_of_a_requests_origin(edge: Edge, said: bytes) -> None:
    edge.headers_at_api(b"/from", b"X-Forwarded-For: " + said, source=TRUSTED)
    assert edge.asked[-1]["x-forwarded-for"].encode("latin-1") == said + f", {TRUSTED}".encode()
    assert edge.asked[-1]["x-forwarded-uri"] == "/from"


@pytest.mark.parametrize("wish", [b"Basic \xc3\xa9", b"Basic a\x01b", b"Basic \x7f"])
def test_gate_sees_every_byte_of_the_credentials(edge: Edge, wish: bytes) -> None:
    got = edge.say(b"GET /seen HTTP/1.1", b"Host: api", b"Connection: close", wish=wish)
    assert got.startswith(b"HTTP/1.1 200")
    assert edge.asked[-1]["authorization"].encode("latin-1") == wish


def test_request_with_any_headers_is_decided(edge: Edge) -> None:
    many = [f"X-H{number}: 1".encode() for number in range(300)]
    strange = [b"User-Agent: a\x01b\x7f", b"Cookie: \x02; \xff", b"X-\xc3\xa9: 1"]
    seen = edge.headers_at_api(b"/many", *many, *strange)
    assert seen["x-h299"] == ["1"]
    assert not {"user-agent", "cookie", "x-h0"} & edge.asked[-1].keys()


@pytest.mark.parametrize("size", [3500, 4200, 16_000, 60_000])
def test_head_of_an_answer_passes_whole(edge: Edge, size: int) -> None:
    got = edge.say(f"GET /big/{size} HTTP/1.1".encode(), b"Host: api", b"Connection: close")
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"a" * size) == 1


@pytest.mark.parametrize(
    ("line", "host"),
    [(b"GET /hostless HTTP/1.0", None), (b"GET http://named.example/hostless HTTP/1.0", "named.example")],
)
def test_request_without_a_host_reaches_the_api_with_a_sensible_one(edge: Edge, line: bytes, host: str | None) -> None:
    edge.say(line)
    seen = edge.api.head_of(b"/hostless")
    assert seen["host"] == [host or edge.api.url.removeprefix("http://")]
    assert seen.get("x-forwarded-host") == ([host] if host else None)


EARLY = {
    "a long target": ((b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"Host: x"), 414),
    "a long header": ((b"GET /x HTTP/1.1", b"Host: x", b"Cookie: " + b"a" * 9000), 431),
    "many long headers": ((b"GET /x HTTP/1.1", b"Host: x", *[b"X-A: " + b"a" * 8000] * 6), 431),
    "TRACE": ((b"TRACE /x HTTP/1.1", b"Host: x"), 405),
    "an encoding": ((b"POST /x HTTP/1.1", b"Host: x", b"Transfer-Encoding: gzip"), 501),
    "HTTP/3.0": ((b"GET /x HTTP/3.0", b"Host: x"), 505),
    "no host": ((b"GET /x HTTP/1.1",), 400),
    "two hosts": ((b"GET /x HTTP/1.1", b"Host: x", b"Host: y"), 400),
    "a broken host": ((b"GET /x HTTP/1.1", b"Host: x/y"), 400),
    "a control character": ((b"GET /\x01 HTTP/1.1", b"Host: x"), 400),
    "a NUL": ((b"GET /x HTTP/1.1", b"Host: x", b"X-A: \x00"), 400),
    "a small method": ((b"get /x HTTP/1.1", b"Host: x"), 400),
    "no HTTP": ((b"\x16\x03\x01\x02\x00",), 400),
    "dots": ((b"GET /../x HTTP/1.1", b"Host: x"), 400),
}


@pytest.mark.covers("R16", "R17")
@pytest.mark.parametrize("name", EARLY)
def test_refusal_by_nginx_is_a_problem_and_a_line_of_the_log(edge: Edge, name: str) -> None:
    lines, status = EARLY[name]
    before, asked = len(edge.lines()), len(edge.asked)
    got = edge.say(*lines)
    head, _, body = got.partition(b"\r\n\r\n")
    assert (int(head.split(b" ")[1]), json.loads(body)["status"]) == (status, status)
    assert b"Content-Type: application/problem+json" in head
    assert len(edge.asked) == asked
    deadline = time.monotonic() + 5
    while len(edge.lines()) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    line = edge.lines()[-1]
    assert (line["status"], len(str(line["id"]))) == (status, 32)


@pytest.mark.covers("R17")
@pytest.mark.parametrize("begun", [b"GET /gone HTTP/1.1\r\nHost: x\r\n", b"GE", b"\x80\x80\r\n", b"GET /\r\n"])
def test_line_about_a_request_that_was_never_read_whole_has_an_id(edge: Edge, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as connection:
        connection.sendall(begun)
        time.sleep(0.05)
    edge.say(b"GET /after HTTP/1.1", b"Host: x", b"Connection: close")
    edge.line_about("/after")
    assert all(len(str(line["id"])) == 32 for line in edge.lines())


def test_gateway_reports_its_health_without_asking_the_api(edge: Edge) -> None:
    edge.api.heads.clear()
    before = len(edge.lines())
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=40)
    connection.request("GET", HEALTH_PATH)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    # The far end knows no GET: it stands for a gate that can't decide.
    assert answer.status >= 500
    assert not edge.api.heads
    assert len(edge.lines()) == before
    assert edge.say(b"GET " + HEALTH_PATH.encode() + b"/x HTTP/1.1", b"Host: x", wish=b"401").startswith(
        b"HTTP/1.1 401"
    )
