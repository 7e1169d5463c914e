"""The gate behind its servers: what each server passes to it, and what it does with the answer."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate_database import ACME, Database, basic
from simsim.gate import answer
from simsim.gate.app import Gate
from simsim.gate.asgi import Asgi
from simsim.gate.question import ask
from simsim.gate.rsgi import Rsgi

SERVED = """
import sys
from pathlib import Path
from simsim.gate.app import Gate
from simsim.gate.asgi import Asgi
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.rsgi import Rsgi
from simsim.gate.spool import Spool

gate = Gate(SqliteLookup(Path({database!r})), Spool(Path({spool!r})))
rsgi, asgi = Rsgi(gate), Asgi(gate)
"""
START_SECONDS = 20


class Server:
    """A real granian on a Unix socket, and a client that sends exactly the given bytes."""

    def __init__(self, path: Path, interface: str) -> None:
        self.path = path
        self.interface = interface

    def say(self, *headers: bytes, line: bytes = b"GET /gate/verify HTTP/1.1") -> tuple[int, bytes]:
        """Send one request and return the status and the whole answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.path))
            connection.sendall(b"\r\n".join([line, b"Host: api.example", b"Connection: close", *headers, b"", b""]))
            got = b"".join(iter(lambda: connection.recv(65536), b""))
        return int(got.split(b" ", 2)[1]), got


@pytest.fixture(params=["rsgi", "asgi"])
def server(request: pytest.FixtureRequest, database: Database, spool_dir: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served.py").write_text(SERVED.format(database=str(database.path), spool=str(spool_dir)))
    path, interface = tmp_path / "gate.sock", str(request.param)
    place = ["--uds", str(path), "--no-ws", "--http", "1", "--log-level", "error", "--working-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", interface, *place, f"served:{interface}"]
    )
    found = Server(path, interface)
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                found.say(line=b"GET /healthz HTTP/1.1")
                break
            except OSError:
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        assert process.wait(START_SECONDS) == 0


@pytest.mark.covers("R15", "R16", "B9")
def test_real_server_carries_the_gate_s_answers(server: Server, database: Database) -> None:
    good = b"Authorization: " + basic(database.add(name="Ware house", allow=("203.0.113.0/24",)))
    near, far = b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-For: 198.51.100.9"
    for method in (b"GET", b"POST", b"OPTIONS", b"HEAD", b"BREW"):
        status, text = server.say(good, near, line=method + b" /gate/verify?x HTTP/1.1")
        assert status == 204
        assert f"x-simsim-account: {ACME}\r\n".encode() in text
        assert b"x-simsim-token-name: Ware%20house\r\n" in text
    status, text = server.say(good, far)
    assert status == 401
    assert text.endswith(b"\r\n\r\n" + answer.UNAUTHORIZED_BODY)
    assert b"x-simsim-reason: address_not_allowed\r\n" in text
    assert b'www-authenticate: Basic realm="simsim", charset="UTF-8"\r\n' in text
    for path in (b"/", b"/gate/verify/", b"/gate/verify/healthz", b"//gate/verify", b"/gate/verify;x", b"*"):
        assert server.say(good, near, line=b"GET " + path + b" HTTP/1.1")[0] in {400, 404}
    assert server.say(line=b"GET /readyz HTTP/1.1")[0] == 200
    database.change("", name="")
    database.path.unlink()
    time.sleep(0.1)
    assert server.say(good, near)[0] == 503


@pytest.mark.covers("B16", "R16")
def test_limits_decide_on_the_request_that_the_proxy_names(server: Server, database: Database) -> None:
    good = b"Authorization: " + basic(database.add(limits=("GET /api/**",)))

    def said(*headers: bytes) -> int:
        return server.say(good, *headers)[0]

    get, path = b"X-Forwarded-Method: GET", b"X-Forwarded-Uri: /api/x?y"
    assert said(get, path) == 204
    assert said(b"X-Original-Method: GET", b"X-Original-URI: /api/x") == 204
    assert said(b"X-Forwarded-Method: DELETE", path) == 403
    assert said(get, b"X-Forwarded-Uri: /admin") == 403
    # Only the proxy's word counts, so nothing that it may have passed on from the caller decides.
    assert said() == said(path) == said(get) == 403
    assert said(get, path, b"X-Forwarded-Uri: /admin") == said(get, b"X-Forwarded-Uri: /admin", path) == 403
    assert said(get, path, b"X-Original-URI: /admin") == 403
    _, text = server.say(good, get, b"X-Forwarded-Uri: /admin")
    assert text.endswith(b"\r\n\r\n" + answer.BEYOND_LIMITS_BODY)
    assert b"x-simsim-reason: limit\r\n" in text
    assert b"www-authenticate" not in text


@pytest.mark.covers("R11", "B9")
@pytest.mark.parametrize("server", ["rsgi"], indirect=True)
def test_console_gets_the_same_answers_from_a_real_gate_as_a_proxy(
    server: Server, database: Database, spool_dir: Path, tmp_path: Path
) -> None:
    account, allow = str(ACME), ("203.0.113.0/24",)
    password, expired = database.add(allow=allow), database.add(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    def asked(password: str, address: str | None) -> tuple[int, str | None, bool]:
        verdict = ask(server.path, username=account, password=password, address=address)
        assert verdict is not None
        return verdict.status, verdict.reason, verdict.lets_in

    assert asked(password, "203.0.113.9") == (204, None, True)
    assert asked(password, "198.51.100.9") == (401, "address_not_allowed", False)
    assert asked(password, None) == (401, "address_not_allowed", False)
    assert asked(expired, "203.0.113.9") == (401, "expired", False)
    assert ask(tmp_path / "nobody.sock", username=account, password=password, address=None) is None
    lines = [json.loads(line) for path in spool_dir.iterdir() for line in path.read_text().splitlines()]
    assert [(line["method"], line["path"]) for line in lines] == [("", "Test from the console")] * 4


@pytest.mark.covers("R17")
def test_caller_cannot_make_a_request_look_like_a_test_from_the_console(
    server: Server, database: Database, spool_dir: Path
) -> None:
    good = b"Authorization: " + basic(database.add())
    claims = [
        [b"X-Forwarded-Method: ", b"X-Forwarded-Uri: Test from the console"],
        [b"X-Original-Method:", b"X-Original-Uri: Test from the console"],
        [b"X-Forwarded-Uri: /gate/console-test", b"X-Simsim-Test: 1"],
    ]
    for headers in claims:
        assert server.say(good, *headers)[0] == 204
    assert server.say(good, line=b"GET /gate/console-test/ HTTP/1.1")[0] == 404
    assert server.say(good, line=b"GET /gate/verify/../console-test HTTP/1.1")[0] == 404
    lines = [json.loads(line) for path in spool_dir.iterdir() for line in path.read_text().splitlines()]
    assert [line["method"] for line in lines] == ["GET"] * len(claims)
    # The listener for other proxies has no such path at all.
    if server.interface == "asgi":
        assert server.say(good, line=b"GET /gate/console-test HTTP/1.1")[0] == 404


@pytest.mark.covers("R15", "R16")
def test_real_server_never_turns_a_strange_header_into_an_acceptance_or_an_error(
    server: Server, database: Database
) -> None:
    good = b"Authorization: " + basic(database.add(allow=("203.0.113.0/24",)))
    near = b"X-Forwarded-For: 203.0.113.9"
    assert server.say(good, near)[0] == 204
    strange = [
        [near],
        [good, good, near],
        [b"Authorization: Bearer x", good, near],
        [good, b"Authorization:", near],
        [b"Authorization: \xff", good, near],
        [b"Authorization: Basic \xff\xfe", near],
        [b"Authorization: \xc3\xa9", near],
        [b"Authorization:", near],
        [good + b"\xff", near],
        [good + b"\x00", near],
        [good + b"\r\n x", near],
        [b"Authorization: Basic " + b"A" * 65536, near],
        [b"Authorization: " + b"\t" * 9000, near],
        [good, b"X-Forwarded-For: \xff"],
        [good, b"X-Forwarded-For: \xff, 203.0.113.9\xff"],
        [good, b"X-Forwarded-For:"],
        [good, b"X-Forwarded-For: 203.0.113.9, 198.51.100.1"],
        [good, near, b"X-Forwarded-For: 198.51.100.1"],
        [good, b"Forwarded: for=203.0.113.9"],
        [good, b"X-Real-IP: 203.0.113.9"],
        [good, b"X_Forwarded_For: 203.0.113.9"],
        [b"X_Authorization" + good[13:], near],
    ]
    for headers in strange:
        status, _ = server.say(*headers)
        assert status in {400, 401, 431}, headers
    assert (
        server.say(good, near, b"X-Request-Id: \xff", b"X-Forwarded-Uri: /\xff\xfe", b"X-Forwarded-Method: \xff")[0]
        == 204
    )


@pytest.mark.covers("R15")
def test_second_header_that_is_not_ascii_counts_if_the_server_shows_it(server: Server, database: Database) -> None:
    good = b"Authorization: " + basic(database.add())
    status, _ = server.say(good, b"Authorization: \xff")
    # granian's RSGI hides a value that is not ASCII behind an earlier one that is; its ASGI hides nothing.
    assert status == (401 if server.interface == "asgi" else 204)


@pytest.mark.covers("R15", "R17", "B9")
def test_gate_sees_every_byte_of_a_question_in_a_body(server: Server, database: Database, spool_dir: Path) -> None:
    """nginx.conf sends values in the body that a header could not carry; ASGI headers carry every byte."""
    good = basic(database.add(allow=("203.0.113.0/24",)))
    if server.interface == "asgi":
        said = b"X-Forwarded-Uri: /caf\xc3\xa9?q=\xff", b"X-Forwarded-For: \xff, 203.0.113.9"
        assert server.say(b"Authorization: " + good, *said)[0] == 204
        assert '"path":"/caf%C3%A9","address":"203.0.113.9"' in next(spool_dir.iterdir()).read_text()
        return

    def ask(*lines: bytes, method: bytes = b"HEAD") -> int:
        body = b"\n".join(lines)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(server.path))
            head = [
                method + b" /gate/verify HTTP/1.1",
                b"Host: x",
                b"Connection: close",
                b"X-Request-Id: " + b"ab" * 16,
            ]
            connection.sendall(b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body]))
            return int(connection.recv(65536).split(b" ")[1])

    assert ask(b"/caf\xc3\xa9?q=\xff", b"\xff, 203.0.113.9", good) == 204
    lines = "".join(path.read_text() for path in spool_dir.iterdir())
    assert '"path":"/caf%C3%A9","address":"203.0.113.9"' in lines
    assert ask(b"/\xff", b"203.0.113.9, \xff", good) == 401
    assert ask(b"/\xff", b"198.51.100.9", good) == 401
    assert ask(b"/\xff", b"203.0.113.9", b"") == 401
    assert ask(b"/\xff", b"203.0.113.9", b"Basic \xff") == 401
    for other in ((good,), (b"/", good), (b"/", b"203.0.113.9", good, b""), (b"",)):
        assert ask(*other) == 401


class Headers:
    """Headers as granian's RSGI gives them: a value that is not ASCII is missing, but its name is there."""

    def __init__(self, *items: tuple[str, str]) -> None:
        self._items = items

    def get(self, key: str) -> str | None:
        first = next((value for name, value in self._items if name == key), None)
        return first if first is not None and first.isascii() else None

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._items if value.isascii()]

    def __contains__(self, key: str) -> bool:
        return any(name == key for name, _ in self._items)


class Scope:
    """An RSGI scope of a request over a Unix socket."""

    def __init__(self, *headers: tuple[str, str], path: str = "/gate/verify", proto: str = "http") -> None:
        self.proto, self.path, self.method, self.client = proto, path, "GET", ""
        self.headers = Headers(*headers)


class Protocol:
    """The other end of an RSGI request, which keeps the answer."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.sent = b""

    async def __call__(self) -> bytes:
        return self.sent

    def response_empty(self, status: int, _headers: list[tuple[str, str]]) -> None:
        self.status = status

    def response_bytes(self, status: int, _headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body

    def close(self, status: int) -> None:
        self.status = status


@pytest.mark.covers("R15", "R16")
def test_rsgi_answers_each_kind_of_request(gate: Gate, database: Database, spool_dir: Path) -> None:
    def answered(scope: Scope, sent: bytes = b"") -> Protocol:
        protocol = Protocol()
        protocol.sent = sent
        asyncio.run(Rsgi(gate).__rsgi__(scope, protocol))
        return protocol

    good = ("authorization", basic(database.add()).decode())
    assert answered(Scope(good)).status == 204
    assert answered(Scope()).body == answer.UNAUTHORIZED_BODY
    assert answered(Scope(("authorization", "Basic \xff"))).status == 401
    assert answered(Scope(("authorization", "\xff"), good)).status == 401
    assert answered(Scope(good, good)).status == 401
    assert answered(Scope(good, ("x-request-id", "0" * 32), ("x-request-id", "1" * 32))).status == 204
    assert '"id":"' + "1" * 32 in next(spool_dir.iterdir()).read_text()
    long = ("content-length", "9")
    assert answered(Scope(long), b"/x\n203.0.113.9\n" + good[1].encode()).status == 204
    assert answered(Scope(long), b"/x\n203.0.113.9\n").status == 401
    assert answered(Scope(long), good[1].encode()).status == 401
    # With these headers, the body is ignored.
    assert answered(Scope(("x-forwarded-for", "203.0.113.9"), long), b"/x\n\n" + good[1].encode()).status == 401
    assert answered(Scope(good, path="/")).status == 404
    assert answered(Scope(good, path="/gate/console-test")).status == 204
    remote = Scope(good, path="/gate/console-test")
    remote.client = "203.0.113.9"
    assert answered(remote).status == 404
    assert answered(Scope(good, proto="ws")).status == 404
    Rsgi(gate).__rsgi_del__(None)


def call(gate: Gate, scope: dict[str, Any], *received: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the gate's ASGI application sends."""
    sent: list[dict[str, Any]] = []
    waiting = iter(received)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Asgi(gate)(scope, receive, send))
    return sent


@pytest.mark.covers("R15", "R16", "R17")
def test_asgi_answers_each_kind_of_request(gate: Gate, database: Database, spool_dir: Path) -> None:
    good = (b"authorization", basic(database.add(allow=("203.0.113.9",))))
    named = [(b"x-original-method", b"POST"), (b"x-original-uri", b"/\xff?q"), (b"x-request-id", b"ab" * 16)]
    scope = {"type": "http", "method": "GET", "path": "/gate/verify", "client": None}
    near = (b"x-forwarded-for", b"203.0.113.9")
    begun, ended = call(gate, scope | {"headers": [good, near, (b"accept", b"*/*"), *named]})
    assert (begun["status"], ended["body"]) == (204, b"")
    assert all(isinstance(part, bytes) for header in begun["headers"] for part in header)
    line = next(spool_dir.iterdir()).read_text()
    assert '"method":"POST","path":"/%FF","address":"203.0.113.9"' in line
    assert '"id":"' + "ab" * 16 in line
    for client in (("198.51.100.9", 1), ["198.51.100.9", 1]):
        assert call(gate, scope | {"client": client, "headers": [good, near]})[0]["status"] == 404
    assert call(gate, scope | {"path": "/x", "headers": []})[0]["status"] == 404
    assert call(gate, {"type": "websocket", "path": "/gate/verify"}) == [{"type": "websocket.close"}]


def test_asgi_lifespan_ends_with_the_gate_closed(gate: Gate, spool_dir: Path) -> None:
    assert gate.is_ready()
    sent = call(gate, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
