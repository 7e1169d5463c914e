"""One API in each framework of docs/operators/middleware.md, behind the middleware: it answers as `raw_api` does.

granian --interface asgi protected_apis:fastapi
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from raw_api import PAUSE_SECONDS, PIECES, TUNNEL
from simsim.middleware import SimsimASGI, SimsimWSGI

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def body_of(path: str, target: str, headers: list[tuple[str, str]], seconds: float) -> bytes:
    if path.startswith("/upload"):
        return json.dumps(seconds).encode()
    return json.dumps([f"{target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]).encode()


def status_of(path: str) -> int:
    return int(path[8:11]) if path.startswith("/status/") else 200


# ASGI


async def pieces() -> AsyncIterator[bytes]:
    for piece in PIECES:
        yield piece
        await asyncio.sleep(PAUSE_SECONDS)


async def answer(request: Any) -> Any:
    from starlette.responses import Response, StreamingResponse

    began = time.monotonic()
    async for _ in request.stream():
        pass
    path = request.url.path
    if path.startswith("/stream"):
        return StreamingResponse(pieces())
    if path.startswith("/status/"):
        return Response(status_code=status_of(path))
    target = f"{request.method} {request.scope['raw_path'].decode('latin-1')}"
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    return Response(body_of(path, target, headers, time.monotonic() - began))


async def converse(socket: Any) -> None:
    await socket.accept()
    async for said in socket.iter_text():
        await socket.send_text(TUNNEL.decode() + said)


def fastapi() -> Any:
    from fastapi import FastAPI, Request, WebSocket

    api = FastAPI()
    answer.__annotations__ = {"request": Request, "return": Any}
    converse.__annotations__ = {"socket": WebSocket, "return": None}
    api.api_route("/{path:path}", methods=METHODS, response_model=None)(answer)
    api.websocket("/switch/{path:path}")(converse)
    return SimsimASGI(api)


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Route, WebSocketRoute

    routes = [WebSocketRoute("/switch/{path:path}", converse), Route("/{path:path}", answer, methods=METHODS)]
    return SimsimASGI(Starlette(routes=routes))


# WSGI


def waiting_pieces() -> Iterator[bytes]:
    for piece in PIECES:
        yield piece
        time.sleep(PAUSE_SECONDS)


def body_for(environ: dict[str, Any], path: str) -> Iterator[bytes] | bytes:
    began = time.monotonic()
    while environ["wsgi.input"].read(1024):
        pass
    if path.startswith("/stream"):
        return waiting_pieces()
    if path.startswith("/status/"):
        return b""
    headers = [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]
    return body_of(path, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", headers, time.monotonic() - began)


def flask() -> Any:
    from flask import Flask, Response, request

    app = Flask("protected_apis")

    @app.route("/", defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
    @app.route("/<path:path>", methods=METHODS, provide_automatic_options=False)
    def reached(path: str) -> Response:
        del path
        return Response(body_for(request.environ, request.path), status=status_of(request.path))

    app.wsgi_app = SimsimWSGI(app.wsgi_app)  # type: ignore[method-assign]
    return app


def django_view(request: Any, path: str) -> Any:
    from django.http import HttpResponse, StreamingHttpResponse

    del path
    body = body_for(request.environ, request.path)
    made = HttpResponse if isinstance(body, bytes) else StreamingHttpResponse
    return made(body, status=status_of(request.path))


def django() -> Any:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="protected_apis", APPEND_SLASH=False)
    globals()["urlpatterns"] = [path("<path:path>", django_view), path("", django_view, {"path": ""})]
    return SimsimWSGI(get_wsgi_application())
