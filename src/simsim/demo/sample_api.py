"""A sample API for demo and tests: it answers every request, and knows callers by the gateway's headers only."""

import argparse
import asyncio
import json
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, unquote

from granian import Granian
from granian.constants import HTTPModes, Interfaces

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"
ENTITIES = [
    {"id": 1001, "name": "Baobab Growth Fund", "currency": "EUR", "net_assets": "184250000.00"},
    {"id": 1002, "name": "Cedar Income Fund", "currency": "GBP", "net_assets": "92710500.50"},
    {"id": 1003, "name": "Juniper Family Trust", "currency": "CHF", "net_assets": "41003775.25"},
]
PRICES = {
    1001: [{"date": "2026-09-30", "price": "118.42"}, {"date": "2026-10-30", "price": "119.07"}],
    1002: [{"date": "2026-09-30", "price": "54.10"}, {"date": "2026-10-30", "price": "54.36"}],
    1003: [{"date": "2026-09-30", "price": "201.95"}, {"date": "2026-10-30", "price": "200.88"}],
}
TRANSACTIONS = [
    {"id": 90031, "entity": 1001, "kind": "subscription", "amount": "250000.00", "date": "2026-11-12"},
    {"id": 90032, "entity": 1002, "kind": "redemption", "amount": "-40000.00", "date": "2026-11-17"},
]
DOCUMENTS: dict[str, tuple[int, object]] = {
    "/api/v2/entities": (200, ENTITIES),
    **{f"/api/v2/entities/{entity['id']}": (200, entity) for entity in ENTITIES},
    **{f"/api/v2/entities/{number}/prices": (200, prices) for number, prices in PRICES.items()},
    "/api/v2/transactions": (200, TRANSACTIONS),
    # This report always fails, so that the log has a request that was let in but failed.
    "/api/v2/reports/nav": (500, {"detail": "The report could not be computed."}),
}
# The gateway's headers that identify the caller, and what each is called in the response.
CALLER = {b"x-simsim-account": "account", b"x-simsim-token": "token", b"x-simsim-token-name": "token_name"}
CHUNK = bytes(64 * 1024)
MAX_WAIT_SECONDS = 3600.0
_is_status = re.compile(r"/status/([2-5][0-9]{2})").fullmatch


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request: sample data, the caller, an echo, the requested status or wait; otherwise 404."""
    if scope["type"] == "websocket":
        await echo_messages(scope, receive, send)
    elif scope["type"] == "http" and scope["method"] == "HEAD":
        await answer({**scope, "method": "GET"}, receive, without_body(send))
    elif scope["type"] == "http":
        await answer(scope, receive, send)


def without_body(send: Send) -> Send:
    """Return a `send` that drops the bodies, for HEAD: status and headers are those of GET."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    method, path = scope["method"], scope["path"]
    asked = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    if method == "GET" and path in DOCUMENTS:
        await whole(send, *DOCUMENTS[path])
    elif (method, path) == ("GET", "/api/v2/caller"):
        await whole(send, 200, caller(scope["headers"]))
    elif (method, path) == ("POST", "/echo"):
        await echo_body(scope, receive, send)
    elif found := _is_status(path):
        await whole(send, int(found[1]), {"status": int(found[1])})
    elif (method, path) == ("GET", "/slow"):
        await wait(send, asked.get("seconds", "1"))
    elif (method, path) == ("GET", "/headers"):
        await whole(send, 200, [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]])
    elif (method, path) == ("GET", "/download"):
        await download(send, asked.get("bytes", "0"))
    else:
        await whole(send, 404, {"detail": "There is nothing here."})


def caller(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return who called according to the gateway: the account's id, the token's id and the token's name."""
    return {CALLER[name]: unquote(value.decode("latin-1")) for name, value in headers if name in CALLER}


async def whole(send: Send, status: int, document: object) -> None:
    has_body = status not in {204, 304}
    body = json.dumps(document).encode() if has_body else b""
    headers = [(b"content-type", JSON), (b"content-length", str(len(body)).encode())] if has_body else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the body back after storing it on disk.

    The body is not sent while it arrives, because a proxy such as nginx treats an early response as the end of the
    request.
    """
    with tempfile.TemporaryFile() as kept:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            kept.write(message.get("body", b""))
            more = message.get("more_body", False)
        size = kept.tell()
        kept.seek(0)
        kind = [(name, value) for name, value in scope["headers"] if name == b"content-type"]
        headers = [*kind, (b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece := kept.read(len(CHUNK)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def wait(send: Send, text: str) -> None:
    try:
        seconds = min(max(float(text), 0.0), MAX_WAIT_SECONDS)
    except ValueError:
        await whole(send, 400, {"detail": "seconds is a number."})
        return
    await asyncio.sleep(seconds)
    await whole(send, 200, {"waited_seconds": seconds})


async def download(send: Send, text: str) -> None:
    """Send the requested number of zero bytes."""
    if not text.isascii() or not text.isdigit():
        await whole(send, 400, {"detail": "bytes is a number."})
        return
    left = int(text)
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", text.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while left > 0:
        await send({"type": "http.response.body", "body": CHUNK[:left], "more_body": True})
        left -= len(CHUNK)
    await send({"type": "http.response.body", "body": b""})


async def echo_messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each WebSocket message back, on /ws/echo."""
    if (await receive())["type"] != "websocket.connect" or scope["path"] != "/ws/echo":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m simsim.demo.sample_api", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    target = f"{__spec__.name}:application"
    Granian(
        target, address="127.0.0.1", port=port, interface=Interfaces.ASGI, http=HTTPModes.http1, log_enabled=False
    ).serve()


if __name__ == "__main__":
    main()
