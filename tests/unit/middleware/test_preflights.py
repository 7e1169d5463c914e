"""`allow_preflight` of the middlewares: a preflight reaches the application, and nothing that looks like one."""

import asyncio
import io
from typing import Any

import pytest

from preflights import NO_PREFLIGHTS, PREFLIGHT
from simsim.middleware import SimsimASGI, SimsimWSGI
from unit.middleware.conftest import Parts

pytestmark = [pytest.mark.covers("B9"), pytest.mark.usefixtures("database")]
Asked = tuple[str, list[tuple[str, str]]]
FORGED = ("X-Simsim-Account", "evil")


def through_asgi(parts: Parts, asked: Asked, *, allow_preflight: bool = True) -> tuple[int, list[Any]]:
    """Return the status, and what the application got: its scope and the first message."""
    got: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.extend([scope, await receive()])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def receive() -> Any:
        # In HTTP/2, a body needs no header that announces it.
        return {"type": "http.request", "body": b"smuggled", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    method, headers = asked
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": "/a", "raw_path": b"/a", "headers": raw, "client": ("::1", 1)}
    gate, ends = parts.build()
    asyncio.run(SimsimASGI(app, allow_preflight=allow_preflight, gate=gate, ends=ends)(scope, receive, send))
    return sent[0]["status"], got


def through_wsgi(parts: Parts, asked: Asked, *, allow_preflight: bool = True) -> tuple[int, list[Any]]:
    """Return the status, and what the application got: its environment."""
    got: list[Any] = []
    said: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        got.append(environ)
        start_response("204 No Content", [])
        return []

    method, headers = asked
    environ: Any = {"REQUEST_METHOD": method, "PATH_INFO": "/a", "wsgi.input": io.BytesIO(b"smuggled")}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
    environ["CONTENT_LENGTH"] = environ.pop("HTTP_CONTENT_LENGTH", "")

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        del headers, exc_info
        said.append(status)

    body: Any = SimsimWSGI(app, allow_preflight=allow_preflight, build=parts.build)(environ, start_response)
    list(body)
    if hasattr(body, "close"):
        body.close()
    return int(said[0][:3]), got


def preflight_lines(parts: Parts) -> list[tuple[Any, ...]]:
    assert not parts.lines("gate")
    return [(line["method"], line["status"], line["is_preflight"]) for line in parts.lines("ends")]


def test_preflight_reaches_an_asgi_application_without_a_body(parts: Parts) -> None:
    status, (scope, message) = through_asgi(parts, (PREFLIGHT[0], [*PREFLIGHT[1], FORGED]))
    assert status == 204
    assert "simsim" not in scope
    assert not [name for name, _ in scope["headers"] if b"simsim" in name]
    assert message == {"type": "http.request", "body": b"", "more_body": False}
    assert preflight_lines(parts) == [("OPTIONS", 204, True)]


def test_preflight_reaches_a_wsgi_application_without_a_body(parts: Parts) -> None:
    status, (environ,) = through_wsgi(parts, (PREFLIGHT[0], [*PREFLIGHT[1], FORGED]))
    assert (status, environ["wsgi.input"].read()) == (204, b"")
    assert not {"simsim", "HTTP_X_SIMSIM_ACCOUNT"} & environ.keys()
    assert preflight_lines(parts) == [("OPTIONS", 204, True)]


@pytest.mark.parametrize("through", [through_asgi, through_wsgi])
@pytest.mark.parametrize("kind", NO_PREFLIGHTS)
def test_what_is_no_preflight_needs_credentials(parts: Parts, through: Any, kind: str) -> None:
    assert through(parts, NO_PREFLIGHTS[kind]) == (401, [])


@pytest.mark.parametrize("through", [through_asgi, through_wsgi])
def test_preflight_needs_credentials_unless_it_is_allowed(parts: Parts, through: Any) -> None:
    assert through(parts, PREFLIGHT, allow_preflight=False) == (401, [])
