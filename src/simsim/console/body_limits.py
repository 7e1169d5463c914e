"""Limits on request bodies: each is read before Django is called, within limits of time, size and concurrency."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from simsim.gate.address import locate, site_of
from simsim.gate.asgi import Receive, Scope, Send
from simsim.problem import MEDIA_TYPE, BodyTooLarge, BodyTooSlow, Problem, TooManyRequests

# The largest form of the console holds 256 networks and a description: some 20 kB.
MAX_BODY_BYTES = 1024 * 1024
MAX_BODY_SECONDS = 10.0
# The number of bodies read at once from one address. A browser sends one form at a time, and each body may take
# MAX_BODY_BYTES of memory.
MAX_AWAITED_BODIES = 16
Headers = Iterable[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The client closed the connection before its request was complete, so nobody is waiting for a response."""


class BodyLimits:
    """The ASGI application in front of Django, which never waits for a client.

    Without it, a client could begin a body, stop, and hold the connection forever: Django waits, and the server has no
    time limit for bodies. `trusted` are the packed networks of the trusted proxies.
    """

    def __init__(self, application: Any, trusted: bytes) -> None:
        self._application = application
        self._trusted = trusted
        self._awaited: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not has_body(scope["headers"]):
            await self._application(scope, receive, send)
            return
        try:
            body = await self._body(self._sender(scope), receive)
        except Problem as problem:
            await refuse(problem, send)
        except Disconnected:
            return
        else:
            await self._application(scope, ReadBody(body, receive), send)

    async def _body(self, sender: bytes, receive: Receive) -> bytes:
        if self._awaited[sender] >= MAX_AWAITED_BODIES:
            raise TooManyRequests
        self._awaited[sender] += 1
        try:
            return await asyncio.wait_for(read_body(receive), MAX_BODY_SECONDS)
        except TimeoutError:
            raise BodyTooSlow from None
        finally:
            self._awaited[sender] -= 1
            if not self._awaited[sender]:
                del self._awaited[sender]

    def _sender(self, scope: Scope) -> bytes:
        forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        client = scope.get("client")
        address = locate(client[0] if client else None, forwarded, self._trusted).address
        return b"" if address is None else site_of(address)


class ReadBody:
    """The `receive` of a request whose body was read: returns the body once, then waits for a disconnect."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Any:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def read_body(receive: Receive) -> bytes:
    """Return the whole body; raise BodyTooLarge as soon as it exceeds the limit, Disconnected if it is incomplete."""
    parts: list[bytes] = []
    size, has_more = 0, True
    while has_more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge
        has_more = message.get("more_body", False)
    return b"".join(parts)


def has_body(headers: Headers) -> bool:
    """Whether the request announces a body (RFC 9112, section 6)."""
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


async def refuse(problem: Problem, send: Send) -> None:
    """Answer, and make the server close the connection without reading the rest of the body."""
    body = json.dumps(problem.document()).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
