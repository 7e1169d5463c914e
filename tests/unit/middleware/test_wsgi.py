"""The middleware for WSGI: who is let in, what the application and the client get, and what the log is told."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gate_database import ACME, Database, basic
from simsim.credential.password import mint
from simsim.gate.answer import THROTTLED_BODY, UNAUTHORIZED_BODY
from simsim.gate.refusals import FailureLimits
from simsim.middleware import Caller, SimsimWSGI
from unit.middleware.conftest import PROXY, Parts

pytestmark = pytest.mark.covers("B9")
CALLER = "203.0.113.9"


class App:
    def __init__(self, *parts: bytes, status: str = "200 OK", fails: bool = False) -> None:
        self.environs: list[Any] = []
        self.parts, self.status, self.fails = parts or (b"hello ", b"world"), status, fails
        self.is_closed = False

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.environs.append(environ)
        start_response(self.status, [("X-Simsim-Token", "forged"), ("X-Own", "1")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield from self.parts
        if self.fails:
            raise RuntimeError

    def close(self) -> None:
        self.is_closed = True


def environ_of(password: str | None, **more: str) -> dict[str, Any]:
    signed = {} if password is None else {"HTTP_AUTHORIZATION": basic(password).decode()}
    return {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a b", "REMOTE_ADDR": CALLER, **signed, **more}


def run(app: Any, environ: dict[str, Any], *, reads: int | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return the status, the headers and the body of an answer, of which a client reads some parts or all."""
    started: list[Any] = []
    body = app(environ, lambda *arguments: started.append(arguments))
    iterator = iter(body)
    read = [next(iterator) for _ in range(reads)] if reads is not None else list(iterator)
    if hasattr(body, "close"):
        body.close()
    return started[-1][0], started[-1][1], b"".join(read)


def test_application_learns_the_caller_and_nothing_that_the_client_forged(database: Database, parts: Parts) -> None:
    app, password = App(), database.add(name="Ware house")
    forged = {"HTTP_X_SIMSIM_ACCOUNT": "evil", "HTTP_X_SIMSIM_ROLE": "evil", "HTTP_ACCEPT": "*"}
    status, headers, body = run(SimsimWSGI(app, build=parts.build), environ_of(password, **forged))
    # The database's tokens expire tomorrow, so the client is told.
    own, (told, _) = headers
    assert (status, own, told, body) == ("200 OK", ("X-Own", "1"), "x-simsim-token-expires", b"hello world")
    (environ,) = app.environs
    caller = environ["simsim"]
    assert (caller, caller.account, caller.token_name) == (Caller(*caller), str(ACME), "Ware house")
    assert {name: value for name, value in environ.items() if name.startswith("HTTP_")} == {
        "HTTP_ACCEPT": "*", "HTTP_X_SIMSIM_ACCOUNT": str(ACME), "HTTP_X_SIMSIM_TOKEN": caller.token,
        "HTTP_X_SIMSIM_TOKEN_NAME": "Ware%20house",
    }  # fmt: skip
    assert app.is_closed
    assert parts.log() == [("ok", 200, 11, "GET", "/a%20b", CALLER)]


def test_everybody_else_gets_the_gate_s_answer_and_never_reaches_the_application(
    database: Database, parts: Parts
) -> None:
    app = App()
    middleware = SimsimWSGI(app, build=parts.build)
    password = database.add(allow=("198.51.100.0/24",))
    for environ in (environ_of(None), environ_of(password), environ_of(None, HTTP_AUTHORIZATION="Basic é")):
        status, headers, body = run(middleware, environ)
        assert (status, body) == ("401 Unauthorized", UNAUTHORIZED_BODY)
        assert dict(headers)["content-length"] == str(len(body))
        assert not [name for name, _ in headers if name.lower().startswith("x-simsim")]
    assert app.environs == []
    assert [row[:2] for row in parts.log()] == [
        ("no_credentials", 401),
        ("address_not_allowed", 401),
        ("malformed", 401),
    ]


@pytest.mark.covers("R16")
def test_caller_that_keeps_failing_gets_429_and_leaves_no_line_for_each_request(
    database: Database, parts: Parts
) -> None:
    middleware, wrong = SimsimWSGI(App(), build=lambda: parts.build(FailureLimits(2, 0))), environ_of(mint())
    answers = [run(middleware, wrong) for _ in range(9)]
    assert [status for status, _, _ in answers] == ["401 Unauthorized"] * 2 + ["429 Too Many Requests"] * 7
    assert (dict(answers[-1][1])["retry-after"], answers[-1][2]) == ("30", THROTTLED_BODY)
    assert run(middleware, environ_of(database.add()))[0] == "200 OK"
    assert [end["status"] for end in parts.lines("ends")] == [401, 401, 429, 200]


def test_undecided_is_503(parts: Parts, database: Database) -> None:
    middleware, password = SimsimWSGI(App(), build=parts.build), database.add()
    database.connection.execute("DROP VIEW verifiable_token")
    assert run(middleware, environ_of(password))[0] == "503 Service Unavailable"


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [(CALLER, "", 200), (PROXY, CALLER, 200), (PROXY, f"198.51.100.1, {CALLER}", 200), ("198.51.100.1", CALLER, 401),
     (PROXY, f"{CALLER}, 198.51.100.1", 401), ("", CALLER, 200)],
)  # fmt: skip
def test_address_is_the_peer_s_unless_a_trusted_proxy_says_otherwise(
    database: Database, parts: Parts, peer: str, forwarded: str, status: int
) -> None:
    environ = environ_of(database.add(allow=(f"{CALLER}/32",)), REMOTE_ADDR=peer)
    if forwarded:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    assert run(SimsimWSGI(App(), build=parts.build), environ)[0].startswith(str(status))


def test_client_that_leaves_and_application_that_fails_are_logged_as_that(database: Database, parts: Parts) -> None:
    password = database.add()
    run(SimsimWSGI(App(), build=parts.build), environ_of(password), reads=1)
    assert parts.log()[-1][1:3] == (499, 6)
    with pytest.raises(RuntimeError):
        run(SimsimWSGI(App(fails=True), build=parts.build), environ_of(password))


def test_application_that_fails_while_it_is_read_keeps_its_status(database: Database, parts: Parts) -> None:
    body = SimsimWSGI(App(fails=True, status="201 Created"), build=parts.build)(
        environ_of(database.add()), lambda *_: print
    )
    with pytest.raises(RuntimeError):
        list(body)
    body.close()  # type: ignore[attr-defined]
    assert parts.log()[0][1:3] == (201, 11)


def test_application_that_raises_at_once_is_logged_as_500(database: Database, parts: Parts) -> None:
    def app(_environ: Any, _start: Any) -> Any:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(SimsimWSGI(app, build=parts.build), environ_of(database.add()))
    assert parts.log()[0][1:3] == (500, 0)


def test_old_write_and_a_second_status_are_carried(database: Database, parts: Parts) -> None:
    written: list[bytes] = []

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"abc")
        start_response("500 Oops", [], (None, None, None))
        return [b"d"]

    body = SimsimWSGI(app, build=parts.build)(environ_of(database.add()), lambda *_: written.append)
    assert list(body) == [b"d"]
    body.close()  # type: ignore[attr-defined]
    assert written == [b"abc"]
    assert parts.log()[0][1:3] == (500, 4)


def test_each_thread_has_its_own_gate(database: Database, parts: Parts) -> None:
    middleware, password = SimsimWSGI(App(), build=parts.build), database.add()
    answers: list[str] = []

    def call() -> None:
        answers.extend(run(middleware, environ_of(password))[0] for _ in range(50))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["200 OK"] * 200
    assert len(parts.log()) == 200


def test_target_is_logged_as_the_client_sent_it_where_the_server_tells(database: Database, parts: Parts) -> None:
    password = database.add()
    for more in ({"RAW_URI": "/a%2Fb?sim_=1"}, {"REQUEST_URI": "/ä"}, {"SCRIPT_NAME": "/v1", "PATH_INFO": "/Ã¤"}):
        run(SimsimWSGI(App(), build=parts.build), environ_of(password, **more))
    assert sorted(row[4] for row in parts.log()) == ["/%E4", "/a%2Fb", "/v1/%C3%A4"]


@pytest.mark.covers("B16", "R16")
@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"PATH_INFO": "/api/a b"}, "200 OK"),
        ({"PATH_INFO": "/x", "SCRIPT_NAME": "/api"}, "200 OK"),
        ({"PATH_INFO": "/api/x", "RAW_URI": "/%61pi/x?y"}, "200 OK"),
        ({"PATH_INFO": "/api/b\xc3\xbc", "REQUEST_URI": "/api/b%C3%BC"}, "200 OK"),
        ({"PATH_INFO": "/admin"}, "403 Forbidden"),
        ({"PATH_INFO": "/api/../admin", "RAW_URI": "/api/..%2Fadmin"}, "403 Forbidden"),
        ({"PATH_INFO": "/api/%2e%2e/admin"}, "403 Forbidden"),
        # Another middleware has changed the path.
        ({"PATH_INFO": "/admin", "RAW_URI": "/api/x"}, "403 Forbidden"),
        ({"PATH_INFO": "/api/x", "RAW_URI": "http://example.com/api/x"}, "403 Forbidden"),
    ],
)
def test_limits_decide_on_the_path_that_the_application_gets(
    database: Database, parts: Parts, more: dict[str, str], status: str
) -> None:
    password, app = database.add(limits=("GET /api/**",)), App()
    middleware = SimsimWSGI(app, build=parts.build)
    assert run(middleware, environ_of(password, **more))[0] == status
    assert len(app.environs) == (1 if status == "200 OK" else 0)
    assert run(middleware, environ_of(password, **more, REQUEST_METHOD="PUT"))[0] == "403 Forbidden"


@pytest.mark.covers("B17")
def test_request_beyond_the_rate_gets_429_and_never_reaches_the_application(database: Database, parts: Parts) -> None:
    password, app = database.add(rates=("2/day",)), App()
    middleware = SimsimWSGI(app, build=parts.build)
    assert [run(middleware, environ_of(password))[0][:3] for _ in range(3)] == ["200", "200", "429"]
    assert len(app.environs) == 2


@pytest.mark.parametrize(("length", "status"), [("5", 200), ("6", 499), ("", 499)])
def test_answer_is_whole_once_the_announced_length_is_sent(
    database: Database, parts: Parts, length: str, status: int
) -> None:
    """A server may read no further than Content-Length."""

    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", length)] if length else [])
        return iter([b"hello", b""])

    run(SimsimWSGI(app, build=parts.build), environ_of(database.add()), reads=1)
    (logged,) = parts.log()
    assert logged[1] == status
