"""The gate inside an ASGI application (ASGI 3.0), such as FastAPI or Starlette: HTTP and WebSocket."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from simsim.gate.answer import Answer
from simsim.gate.app import Gate
from simsim.gate.shared_gate import SharedGate
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

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SWITCHED, FORBIDDEN, FAILED = 101, 403, 500
REFUSES_WITH_A_RESPONSE = "websocket.http.response"
# An extension with which the application would hand us a file descriptor instead of bytes that can be counted.
UNCOUNTED = "http.response.zerocopysend"


class SimsimASGI:
    """Lets a request into the application only with an active token from an allowed address, and logs every request.

    The application finds the caller in `scope["simsim"]`, a `Caller`, and in the same headers as behind the gateway.
    It gets neither the client's `Authorization` nor any `X-Simsim-…` header of the client. Everybody else gets 401,
    403 beyond the token's limits, or 503 while nothing can be decided. Raises Unusable if a setting is unusable.
    With `allow_preflight`, a browser's preflight (CORS) reaches the application without credentials.
    """

    def __init__(
        self,
        app: App,
        *,
        allow_preflight: bool = False,
        gate: Gate | RemoteGate | None = None,
        ends: Spool | None = None,
    ) -> None:
        if gate is None or ends is None:
            gate, ends = build_parts()
        self._app = app
        self._allows_preflight = allow_preflight
        self._gate, self._ends = gate, ends
        self._shared = self._gate if isinstance(self._gate, SharedGate) else None
        self._remote = self._gate if isinstance(self._gate, RemoteGate) else None
        self._is_open = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._decide(scope, receive, send, HttpAnswer)
        elif scope["type"] == "websocket":
            await self._decide(scope, receive, send, WebSocketAnswer)
        else:
            try:
                await self._app(scope, receive, send)
            finally:
                self._ends.close()
                if self._remote is None:
                    self._gate.close()
                else:
                    await self._remote.close_together()

    async def _decide(
        self, scope: Scope, receive: Receive, send: Send, kind: "type[HttpAnswer | WebSocketAnswer]"
    ) -> None:
        # Without a file of ends, the worker would not wait for how the first requests end.
        if not self._is_open:
            with contextlib.suppress(OSError):
                self._ends.open()
                self._is_open = True
        exchange = Exchange(asked(scope), self._ends)
        answer = kind(exchange, receive, send)
        if self._allows_preflight and is_preflight(scope.get("method", "GET"), texts(scope["headers"])):
            exchange.is_preflight = True
            answer.drops_body = True
        said = await self._verdict(exchange)
        if said is None:
            await self._pass_on(exchange, answer, without_hidden(scope))
            return
        if said.status != LET_IN:
            await answer.refuse(said, scope)
            exchange.refuse(said)
            return
        exchange.announcement = announcement_of(said)
        await self._pass_on(exchange, answer, passed_on(scope, said))

    async def _verdict(self, exchange: Exchange) -> Answer | None:
        """Return the gate's answer, or None for a preflight that may pass."""
        question = exchange.question
        if self._remote is not None:
            # A gate elsewhere is told of a preflight, too: how it ended is logged only together with a decision.
            said = await self._remote.verify_together(question, is_preflight=exchange.is_preflight)
            return None if exchange.is_preflight and said.status == LET_IN else said
        if exchange.is_preflight:
            return None
        return self._gate.verify(question) if self._shared is None else await self._shared.verify_together(question)

    async def _pass_on(self, exchange: Exchange, answer: "HttpAnswer | WebSocketAnswer", scope: Scope) -> None:
        try:
            await self._app(scope, answer.receive, answer.send)
        except (asyncio.CancelledError, OSError):
            exchange.end(CLIENT_CLOSED if answer.is_client_gone or exchange.status is not None else FAILED)
            raise
        except BaseException:
            exchange.end(exchange.status or FAILED)
            raise
        exchange.end(CLIENT_CLOSED if answer.is_client_gone else exchange.status or FAILED)


class HttpAnswer:
    """The answer to an HTTP request, as the application sends it."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._exchange, self._receive, self._send = exchange, receive, send
        self.is_client_gone = self.drops_body = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._exchange.is_over:
            self.is_client_gone = True
        if self.drops_body and message["type"] == "http.request":
            return {**message, "body": b"", "more_body": False}
        return message

    async def send(self, message: Message) -> None:
        kind, is_last = message["type"], False
        if kind == "http.response.start":
            self._exchange.status = message["status"]
            message = without_ours(message, raw(self._exchange.announcement))
        elif kind == "http.response.body":
            self._exchange.sent(len(message.get("body", b"")))
            is_last = not message.get("more_body", False)
        elif kind == "http.response.pathsend":
            self._exchange.sent(Path(message["path"]).stat().st_size)
            is_last = True
        await self._send(message)
        if is_last:
            self._exchange.end(CLIENT_CLOSED if self.is_client_gone else self._exchange.status or FAILED)

    async def refuse(self, said: Answer, scope: Scope) -> None:
        self._exchange.sent(len(said.body))
        await self._send({"type": "http.response.start", "status": said.status, "headers": raw(headers_of(said))})
        await self._send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else said.body})


class WebSocketAnswer:
    """The answer to a WebSocket's handshake, and the messages after it. It ends when the application does."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._exchange, self._receive, self._send = exchange, receive, send
        self.is_client_gone = self.drops_body = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect" and self._exchange.status is None:
            self.is_client_gone = True
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._exchange.status = SWITCHED
            message = without_ours(message)
        elif kind == "websocket.close" and self._exchange.status is None:
            self._exchange.status = FORBIDDEN
        elif kind == "websocket.http.response.start":
            self._exchange.status = message["status"]
            message = without_ours(message)
        elif kind == "websocket.send":
            self._exchange.sent(len(message.get("bytes") or (message.get("text") or "").encode()))
        elif kind == "websocket.http.response.body":
            self._exchange.sent(len(message.get("body", b"")))
        await self._send(message)

    async def refuse(self, said: Answer, scope: Scope) -> None:
        await self._receive()  # the opening handshake, which every answer has to wait for
        if REFUSES_WITH_A_RESPONSE not in scope.get("extensions", {}):
            await self._send({"type": "websocket.close"})  # which the client sees as 403
            return
        self._exchange.sent(len(said.body))
        headers = raw(headers_of(said))
        await self._send({"type": "websocket.http.response.start", "status": said.status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": said.body})


def asked(scope: Scope) -> Asked:
    """Return what the server tells of a request."""
    authorization: list[bytes] = []
    forwarded_for: list[str] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"x-forwarded-for":
            forwarded_for.append(value.decode("latin-1"))
    client = scope.get("client")
    path = scope.get("raw_path")
    target = quote(scope["path"]) if path is None else sent_target(path)
    is_plain = target == scope["path"] or is_path_of(target, scope["path"].encode("utf-8", "surrogateescape"))
    return Asked(
        client[0] if client else None, scope.get("method", "GET"), target, authorization, forwarded_for, is_plain
    )


def passed_on(scope: Scope, said: Answer) -> Scope:
    """Return the scope that the application gets."""
    caller, told = caller_of(said)
    kept = without_hidden(scope)
    return {**kept, "headers": [*kept["headers"], *raw(told)], "simsim": caller}


def without_hidden(scope: Scope) -> Scope:
    """Return the scope without what the application must not get from a client."""
    headers = [each for each in scope["headers"] if not is_hidden(each[0])]
    extensions = {name: each for name, each in (scope.get("extensions") or {}).items() if name != UNCOUNTED}
    return {**scope, "headers": headers, "extensions": extensions}


def texts(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    return ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def without_ours(message: Message, ours: Sequence[tuple[bytes, bytes]] = ()) -> Message:
    """Return the beginning of an answer without the headers that only the gate may send, and with those from it."""
    kept = [each for each in message.get("headers") or () if not is_ours(bytes(each[0]))]
    return {**message, "headers": [*kept, *ours]}


def raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
