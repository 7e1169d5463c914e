"""A sample API for the demo and the tests: it answers every request and knows nothing about tokens."""

import argparse
import asyncio
import json
import re
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from granian import Granian
from granian.constants import HTTPModes, Interfaces

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"
ENTITIES = [
    {"id": "ent-1001", "name": "Baobab Growth Fund", "currency": "EUR", "net_assets": "184250000.00"},
    {"id": "ent-1002", "name": "Cedar Income Fund", "currency": "GBP", "net_assets": "92710500.50"},
    {"id": "ent-1003", "name": "Juniper Family Trust", "currency": "CHF", "net_assets": "41003775.25"},
]
CHUNK = bytes(64 * 1024)
MAX_WAIT_SECONDS = 3600.0
_is_status = re.compile(r"/status/([2-5][0-9]{2})").fullmatch


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request: entities, an echo, the requested status or wait; otherwise 404."""
    if scope["type"] == "websocket":
        await echo_messages(scope, receive, send)
    elif scope["type"] == "http":
        await answer(scope, receive, send)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    method, path = scope["method"], scope["path"]
    asked = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    if (method, path) == ("GET", "/api/v2/entities"):
        await whole(send, 200, ENTITIES)
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


async def whole(send: Send, status: int, document: object) -> None:
    has_body = status not in {204, 304}
    body = json.dumps(document).encode() if has_body else b""
    headers = [(b"content-type", JSON), (b"content-length", str(len(body)).encode())] if has_body else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the body back, after storing it on disk.

    It is not sent while it arrives: a proxy such as nginx treats an early answer as the end of the request.
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
