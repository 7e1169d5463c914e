"""The gate behind an ASGI server, or inside another ASGI application."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from simsim.gate.answer import Answer
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.request_target import is_named, printable
from simsim.gate.shared_gate import SharedGate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Asgi:
    """The ASGI application of one gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._shared = gate if isinstance(gate, SharedGate) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        if scope["path"] == VERIFY:
            request = request_of(scope)
            said = self._gate.verify(request) if self._shared is None else await self._shared.verify_together(request)
        elif self._shared is not None:
            said = await self._shared.answer_together(scope["path"], scope["method"])
        else:
            said = self._gate.answer(scope["path"], scope["method"])
        await send_answer(send, said)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._gate.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})


async def send_answer(send: Send, said: Answer) -> None:
    status, headers, body = said
    raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


_SAID = {
    name.encode(): name
    for name in ("x-request-id", "x-forwarded-method", "x-forwarded-uri", "x-original-method", "x-original-uri")
}


def request_of(scope: Scope) -> Request:
    """Return the request that a proxy describes in its question."""
    authorization: list[bytes] = []
    forwarded_for: list[str] = []
    said: dict[str, str] = {}
    is_single = True
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"x-forwarded-for":
            forwarded_for.append(value.decode("latin-1"))
        elif name in _SAID:
            # A header that occurs twice may be the caller's beside the proxy's.
            is_single = is_single and _SAID[name] not in said
            said[_SAID[name]] = value.decode("ascii") if value.isascii() else printable(value)
    client = scope.get("client")
    return Request(
        client[0] if client else None,
        scope["method"],
        VERIFY,
        authorization,
        forwarded_for,
        said.get("x-request-id"),
        said.get("x-forwarded-method") or said.get("x-original-method"),
        said.get("x-forwarded-uri") or said.get("x-original-uri"),
        is_single and is_named(said),
    )
