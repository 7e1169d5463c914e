"""The middleware for ASGI: who is let in, what the application and the client get, and what the log is told."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from gate_database import ACME, Database, basic
from simsim.credential.password import mint
from simsim.gate.answer import THROTTLED_BODY, UNAUTHORIZED_BODY
from simsim.gate.refusals import FailureLimits
from simsim.middleware import Caller, SimsimASGI
from unit.middleware.conftest import PROXY, Parts

pytestmark = pytest.mark.covers("B9")
CALLER = "203.0.113.9"


class App:
    """An application that notes its scope and sends what it was made with."""

    def __init__(self, *messages: dict[str, Any], fails: BaseException | None = None) -> None:
        self.scopes: list[Any] = []
        self.messages = messages or (
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"x-simsim-token", b"forged"), (b"x-own", b"1")],
            },
            {"type": "http.response.body", "body": b"hello ", "more_body": True},
            {"type": "http.response.body", "body": b"world"},
        )
        self.fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await receive()
        for message in self.messages:
            await send(message)
        if self.fails is not None:
            raise self.fails


def scope_of(*headers: tuple[bytes, bytes], kind: str = "http", **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "method": "GET", "path": "/a b", "raw_path": b"/a%20b", "query_string": b"q=1",
        "headers": list(headers), "client": (CALLER, 4711), "extensions": {}, **more,
    }  # fmt: skip


def run(app: Any, scope: Any, *received: dict[str, Any]) -> list[Any]:
    """Return what the middleware sends for one request."""
    sent: list[Any] = []
    waiting = list(received or [{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def protected(parts: Parts, app: Any) -> SimsimASGI:
    gate, ends = parts.build()
    return SimsimASGI(app, gate=gate, ends=ends)


def signed(password: str) -> tuple[bytes, bytes]:
    return b"authorization", basic(password)


def test_application_learns_the_caller_and_nothing_that_the_client_forged(database: Database, parts: Parts) -> None:
    app, password = App(), database.add(name="Ware house")
    forged = [
        (b"x-simsim-account", b"evil"),
        (b"X-Simsim-Role", b"evil"),
        (b"x_simsim_token", b"evil"),
        (b"accept", b"*"),
    ]
    (start, *body) = run(protected(parts, app), scope_of(signed(password), *forged))
    # The database's tokens expire tomorrow, so the client is told.
    own, (told, _) = start["headers"]
    assert (start["status"], own, told) == (200, (b"x-own", b"1"), b"x-simsim-token-expires")
    assert b"".join(each["body"] for each in body) == b"hello world"
    (scope,) = app.scopes
    caller = scope["simsim"]
    assert (caller, caller.account, caller.token_name) == (Caller(*caller), str(ACME), "Ware house")
    assert scope["headers"] == [
        (b"accept", b"*"), (b"x-simsim-account", str(ACME).encode()), (b"x-simsim-token", caller.token.encode()),
        (b"x-simsim-token-name", b"Ware%20house"),
    ]  # fmt: skip
    assert parts.log() == [("ok", 200, 11, "GET", "/a%20b", CALLER)]


def test_everybody_else_gets_the_gate_s_answer_and_never_reaches_the_application(
    database: Database, parts: Parts
) -> None:
    app = App()
    middleware = protected(parts, app)
    elsewhere = signed(database.add(allow=("198.51.100.0/24",)))
    revoked = signed(database.add(revoked_at="2026-01-01 00:00:00"))
    for headers in ([], [elsewhere], [revoked], [elsewhere, elsewhere]):
        start, body = run(middleware, scope_of(*headers))
        assert (start["status"], body["body"]) == (401, UNAUTHORIZED_BODY)
        names = [name for name, _ in start["headers"]]
        assert b"www-authenticate" in names
        assert not [name for name in names if name.startswith(b"x-simsim")]
    assert run(middleware, scope_of(method="HEAD"))[1]["body"] == b""
    assert app.scopes == []
    assert [row[:2] for row in parts.log()] == [
        ("no_credentials", 401), ("address_not_allowed", 401), ("revoked", 401), ("malformed", 401),
        ("no_credentials", 401),
    ]  # fmt: skip


@pytest.mark.covers("R16")
def test_caller_that_keeps_failing_gets_429_and_leaves_no_line_for_each_request(
    database: Database, parts: Parts
) -> None:
    gate, ends = parts.build(FailureLimits(2, 0))
    middleware, wrong = SimsimASGI(App(), gate=gate, ends=ends), scope_of(signed(mint()))
    answers = [run(middleware, wrong) for _ in range(9)]
    assert [start["status"] for start, _ in answers] == [401] * 2 + [429] * 7
    start, body = answers[-1]
    assert (dict(start["headers"])[b"retry-after"], body["body"]) == (b"30", THROTTLED_BODY)
    assert run(middleware, scope_of(signed(database.add())))[0]["status"] == 200
    assert [end["status"] for end in parts.lines("ends")] == [401, 401, 429, 200]


def test_undecided_is_503(database: Database, parts: Parts) -> None:
    middleware, password = protected(parts, App()), database.add()
    parts.database.unlink()
    for name in ("-wal", "-shm"):
        Path(f"{parts.database}{name}").unlink(missing_ok=True)
    start, _ = run(middleware, scope_of(signed(password)))
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")


@pytest.mark.parametrize(
    ("client", "forwarded", "status"),
    [
        ((CALLER, 1), [], 200),
        ((PROXY, 1), [CALLER.encode()], 200),
        ((PROXY, 1), [b"198.51.100.1, " + CALLER.encode()], 200),
        ((PROXY, 1), [b"198.51.100.1", CALLER.encode()], 200),
        (("198.51.100.1", 1), [CALLER.encode()], 401),
        ((PROXY, 1), [CALLER.encode(), b"198.51.100.1"], 401),
        ((PROXY, 1), [b"nonsense"], 401),
        (None, [CALLER.encode()], 200),
        (None, [], 401),
    ],
)
def test_address_is_the_peer_s_unless_a_trusted_proxy_says_otherwise(
    database: Database, parts: Parts, client: Any, forwarded: list[bytes], status: int
) -> None:
    password = database.add(allow=(f"{CALLER}/32",))
    headers = [(b"x-forwarded-for", value) for value in forwarded]
    (start, *_) = run(protected(parts, App()), scope_of(signed(password), *headers, client=client))
    assert start["status"] == status


def test_revoked_token_is_refused_at_the_next_request(database: Database, parts: Parts) -> None:
    middleware, password = protected(parts, App()), database.add()
    assert run(middleware, scope_of(signed(password)))[0]["status"] == 200
    database.change(password, revoked_at="2026-01-01 00:00:00")
    assert run(middleware, scope_of(signed(password)))[0]["status"] == 401


START = {"type": "http.response.start", "status": 201}
PART = {"type": "http.response.body", "body": b"part", "more_body": True}


@pytest.mark.parametrize(
    ("app", "received", "row"),
    [
        (App(START, PART, fails=RuntimeError()), {"type": "http.request"}, (201, 4)),
        (App(START, PART, fails=OSError()), {"type": "http.request"}, (499, 4)),
        (App(START, PART, fails=asyncio.CancelledError()), {"type": "http.request"}, (499, 4)),
        (App(START, PART), {"type": "http.disconnect"}, (499, 4)),
        (App({**PART, "more_body": False, "body": b""}, fails=RuntimeError()), {"type": "http.request"}, (500, 0)),
    ],
    ids=["fails after its beginning", "client is gone", "cancelled", "told of it", "fails before it"],
)
def test_requests_that_do_not_end_well_are_logged_as_what_they_were(
    database: Database, parts: Parts, app: App, received: dict[str, Any], row: tuple[int, int]
) -> None:
    with contextlib.suppress(RuntimeError, OSError, asyncio.CancelledError):
        run(protected(parts, app), scope_of(signed(database.add())), received)
    assert parts.log() == [("ok", *row, "GET", "/a%20b", CALLER)]


def test_application_that_raises_before_it_answers_is_logged_as_500(database: Database, parts: Parts) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(protected(parts, app), scope_of(signed(database.add())))
    assert parts.log() == [("ok", 500, 0, "GET", "/a%20b", CALLER)]


def test_file_that_the_server_sends_is_counted_and_nothing_is_sent_for_head(
    database: Database, parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1234)
    app = App(START, {"type": "http.response.pathsend", "path": str(tmp_path / "file")})
    password = database.add()
    middleware = protected(parts, app)
    run(middleware, scope_of(signed(password), extensions={"http.response.zerocopysend": {}, "tls": {}}))
    run(middleware, scope_of(signed(password), method="HEAD"))
    assert [row[1:4] for row in parts.log()] == [(201, 1234, "GET"), (201, 0, "HEAD")]
    assert app.scopes[0]["extensions"] == {"tls": {}}


def test_websocket_is_decided_at_its_handshake_and_ends_with_the_application(database: Database, parts: Parts) -> None:
    app = App({"type": "websocket.accept", "headers": [(b"x-simsim-a", b"1")]}, {"type": "websocket.send", "text": "é"},
              {"type": "websocket.send", "bytes": b"123"}, {"type": "websocket.close"})  # fmt: skip
    opening, password = {"type": "websocket.connect"}, database.add()
    accept, *_ = run(protected(parts, app), scope_of(signed(password), kind="websocket"), opening)
    assert accept["headers"] == []
    assert parts.log() == [("ok", 101, 5, "GET", "/a%20b", CALLER)]
    assert run(protected(parts, app), scope_of(kind="websocket"), opening) == [{"type": "websocket.close"}]
    extended = scope_of(kind="websocket", extensions={"websocket.http.response": {}})
    start, body = run(protected(parts, app), extended, opening)
    assert (start["status"], body["body"]) == (401, UNAUTHORIZED_BODY)


@pytest.mark.parametrize(
    ("messages", "received", "status"),
    [
        ([{"type": "websocket.close"}], {"type": "websocket.connect"}, 403),
        ([{"type": "websocket.http.response.start", "status": 418}, {"type": "websocket.http.response.body"}],
         {"type": "websocket.connect"}, 418),
        ([], {"type": "websocket.disconnect"}, 499),
    ],
)  # fmt: skip
def test_websocket_that_the_application_refuses_or_the_client_leaves(
    database: Database, parts: Parts, messages: list[Any], received: Any, status: int
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in messages:
            await send(message)

    run(protected(parts, app), scope_of(signed(database.add()), kind="websocket"), received)
    assert parts.log()[0][1] == status


def test_start_and_end_of_the_server_reach_the_application_and_close_the_files(
    database: Database, parts: Parts
) -> None:
    app = App({"type": "lifespan.startup.complete"})
    middleware, password = protected(parts, app), database.add()
    run(middleware, scope_of(signed(password)), {"type": "http.request"})
    assert run(middleware, {"type": "lifespan"}, {"type": "lifespan.startup"}) == [
        {"type": "lifespan.startup.complete"}
    ]
    assert "simsim" not in app.scopes[-1]


def test_request_without_its_own_target_is_logged_by_its_path(database: Database, parts: Parts) -> None:
    run(protected(parts, App()), scope_of(signed(database.add()), raw_path=None, path="/ä"))
    assert parts.log()[0][4] == "/%C3%A4"


@pytest.mark.covers("B16", "R16")
@pytest.mark.parametrize(
    ("path", "raw_path", "status"),
    [
        ("/api/a b", b"/api/a%20b", 200),
        ("/api/x", None, 200),
        ("/api/x", b"/api/x", 200),
        ("/api/x", b"/%61pi/x", 200),
        ("/admin", b"/admin", 403),
        ("/api/../admin", b"/api/..%2fadmin", 403),
        ("/api//x", b"/api//x", 403),
        # Another middleware has changed the path, or the server has mounted the application.
        ("/admin", b"/api/x", 403),
        ("/api/x", b"/admin", 403),
    ],
)
def test_limits_decide_on_the_path_that_the_application_gets(
    database: Database, parts: Parts, path: str, raw_path: bytes | None, status: int
) -> None:
    gate, ends = parts.build()
    password, app = database.add(limits=("GET /api/**",)), App()
    scope = scope_of((b"authorization", basic(password)), path=path, raw_path=raw_path)
    sent = run(SimsimASGI(app, gate=gate, ends=ends), scope)
    assert (sent[0]["status"], len(app.scopes)) == (status, 1 if status == 200 else 0)
    assert run(SimsimASGI(app, gate=gate, ends=ends), {**scope, "method": "PUT"})[0]["status"] == 403


@pytest.mark.covers("B17")
def test_request_beyond_the_rate_gets_429_and_never_reaches_the_application(database: Database, parts: Parts) -> None:
    gate, ends = parts.build()
    password, app = database.add(rates=("2/day",)), App()
    scope = scope_of((b"authorization", basic(password)))
    answers = [run(SimsimASGI(app, gate=gate, ends=ends), scope)[0] for _ in range(3)]
    assert [each["status"] for each in answers] == [200, 200, 429]
    headers = dict(answers[2]["headers"])
    assert headers[b"ratelimit-policy"] == b'"day";q=2;w=86400'
    assert headers[b"ratelimit"].startswith(b'"day";r=0;t=')
    assert int(headers[b"retry-after"]) >= 1
    assert len(app.scopes) == 2
