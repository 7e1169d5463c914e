"""The gate inside a WSGI application (PEP 3333), such as Flask or Django."""

import http
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from simsim.gate.answer import Answer
from simsim.gate.app import Gate
from simsim.gate.spool import Spool
from simsim.middleware.exchange import (
    CLIENT_CLOSED,
    LET_IN,
    Asked,
    Exchange,
    announcement_of,
    caller_of,
    headers_of,
    is_hidden,
    is_ours,
    is_path_of,
    is_preflight,
    sent_target,
)
from simsim.middleware.parts import build_parts
from simsim.middleware.remote.remote_gate import RemoteGate

Environ = dict[str, Any]
Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

FAILED = 500
HEADER = "HTTP_"
# Where servers put the target as the client sent it; PEP 3333 has only the decoded path.
SENT_TARGETS = ("RAW_URI", "REQUEST_URI")


class Own(threading.local):
    """The gate and the file of ends of one thread: neither may be shared."""

    def __init__(self, build: Callable[[], tuple[Gate | RemoteGate, Spool]]) -> None:
        self.gate, self.ends = build()
        self.ends.open()


class SimsimWSGI:
    """Lets a request into the application only with an active token from an allowed address, and logs every request.

    The application finds the caller in `environ["simsim"]`, a `Caller`, and in the same headers as behind the gateway.
    It gets neither the client's `Authorization` nor any `X-Simsim-…` header of the client. Everybody else gets 401,
    403 beyond the token's limits, or 503 while nothing can be decided. Raises Unusable if a setting is unusable.
    With `allow_preflight`, a browser's preflight (CORS) reaches the application without credentials.
    """

    def __init__(
        self,
        app: App,
        *,
        allow_preflight: bool = False,
        build: Callable[[], tuple[Gate | RemoteGate, Spool]] = build_parts,
    ) -> None:
        self._app = app
        self._allows_preflight = allow_preflight
        self._own = Own(build)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        gate, ends = self._own.gate, self._own.ends
        exchange = Exchange(asked(environ), ends)
        if self._allows_preflight and is_preflight(environ["REQUEST_METHOD"], headers_in(environ)):
            exchange.is_preflight = True
        said = verdict(gate, exchange)
        if said is None:
            kept = without_hidden(environ) | {"wsgi.input": io.BytesIO()}
            return self._passed_on(exchange, kept, start_response)
        if said.status != LET_IN:
            return refuse(said, exchange, start_response)
        exchange.announcement = announcement_of(said)
        return self._passed_on(exchange, passed_on(environ, said), start_response)

    def _passed_on(self, exchange: Exchange, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Write:
            exchange.status = int(status[:3])
            exchange.length = length_in(headers)
            kept = [(name, value) for name, value in headers if not is_ours(name)] + [*exchange.announcement]
            write = start_response(status, kept, exc_info) if exc_info else start_response(status, kept)

            def counted(data: bytes) -> object:
                exchange.sent(len(data))
                return write(data)

            return counted

        try:
            return Body(self._app(environ, start), exchange)
        except BaseException:
            exchange.end(exchange.status or FAILED)
            raise


def verdict(gate: Gate | RemoteGate, exchange: Exchange) -> Answer | None:
    """Return the gate's answer, or None for a preflight that may pass."""
    if not exchange.is_preflight:
        return gate.verify(exchange.question)
    if isinstance(gate, Gate):
        return None
    # A gate elsewhere is told of a preflight, too: how it ended is logged only together with a decision.
    said = gate.verify(exchange.question, is_preflight=True)
    return None if said.status == LET_IN else said


class Body:
    """The body of an answer, as the server reads it. The request ends when the server closes it."""

    def __init__(self, parts: Iterable[bytes], exchange: Exchange) -> None:
        self._parts, self._exchange = parts, exchange
        self._is_whole = self._has_failed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._parts:
                self._exchange.sent(len(part))
                yield part
        except Exception:
            self._has_failed = True
            raise
        self._is_whole = True

    def close(self) -> None:
        """Close the application's body, as PEP 3333 demands, and write the end."""
        try:
            if (close := getattr(self._parts, "close", None)) is not None:
                close()
        finally:
            is_left = not (self._is_whole or self._has_failed or self._exchange.has_sent_all)
            self._exchange.end(CLIENT_CLOSED if is_left else self._exchange.status or FAILED)


def length_in(headers: Iterable[tuple[str, str]]) -> int | None:
    return next((int(value) for name, value in headers if name.lower() == "content-length" and value.isdigit()), None)


def refuse(said: Answer, exchange: Exchange, start_response: StartResponse) -> Iterable[bytes]:
    exchange.sent(len(said.body))
    start_response(
        f"{said.status} {http.HTTPStatus(said.status).phrase}",
        [*headers_of(said), ("content-length", str(len(said.body)))],
    )
    exchange.refuse(said)
    return [said.body]


def asked(environ: Environ) -> Asked:
    """Return what the server tells of a request."""
    sent = next((environ[name] for name in SENT_TARGETS if environ.get(name)), None)
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode("latin-1")
    target = quote(path) if sent is None else sent_target(sent.encode("latin-1"))
    authorization, forwarded_for = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_X_FORWARDED_FOR")
    return Asked(
        environ.get("REMOTE_ADDR") or None,
        environ["REQUEST_METHOD"],
        target,
        [] if authorization is None else [authorization.encode("latin-1")],
        [] if forwarded_for is None else [forwarded_for],
        is_path_of(target, path),
    )


def passed_on(environ: Environ, said: Answer) -> Environ:
    """Return the environment that the application gets."""
    kept = without_hidden(environ)
    caller, told = caller_of(said)
    kept |= {f"{HEADER}{name.upper().replace('-', '_')}": value for name, value in told}
    return kept | {"simsim": caller}


def without_hidden(environ: Environ) -> Environ:
    """Return the environment without what the application must not get from a client."""
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith(HEADER) and is_hidden(name.removeprefix(HEADER)))
    }


def headers_in(environ: Environ) -> Iterator[tuple[str, str]]:
    """Yield the headers, by their names in lower case. Two of them have no prefix in an environment."""
    for name, value in environ.items():
        if name.startswith(HEADER) or name == "CONTENT_LENGTH":
            yield name.removeprefix(HEADER).lower().replace("_", "-"), value
