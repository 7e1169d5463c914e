"""Streams of events (WHATWG HTML, 9.2): bounded in number and in time, and the same by both kinds of server."""

import asyncio
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Lock
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

from simsim.management_problem import TooManyFollowers

MEDIA_TYPE = "text/event-stream"
# Each holds a thread of its process, and reads the log every POLL_SECONDS.
MAX_FOLLOWERS, MAX_FOLLOWERS_OF_CLIENT = 20, 4
POLL_SECONDS = 2.0
# An iterator of events yields this to wait for POLL_SECONDS.
WAIT = b""

_following = Counter[str]()
_lock = Lock()


def follow(request: HttpRequest, client: str, events: Iterator[bytes]) -> StreamingHttpResponse:
    """Return the response that streams the events; raise TooManyFollowers if others take all the places."""
    leave = take_place(client)
    is_asgi = isinstance(request, ASGIRequest)
    return EventStream(leave, slowly(events) if is_asgi else at_once(events), content_type=MEDIA_TYPE)


def take_place(client: str) -> Callable[[], None]:
    """Count one more follower, and return the function that gives the place back."""
    with _lock:
        if _following.total() >= MAX_FOLLOWERS or _following[client] >= MAX_FOLLOWERS_OF_CLIENT:
            raise TooManyFollowers
        _following[client] += 1

    def leave() -> None:
        with _lock:
            _following[client] -= 1
            if not _following[client]:
                del _following[client]

    return leave


class EventStream(StreamingHttpResponse):
    """A stream that gives its place back when it is closed, even if nothing of it was ever sent."""

    def __init__(self, leave: Callable[[], None], content: Any, **options: Any) -> None:
        super().__init__(content, **options)
        # Also when a server drops the response without closing it.
        self._leave = weakref.finalize(self, leave)
        # nginx would collect the events before it passes them on.
        self.headers["X-Accel-Buffering"] = "no"

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._leave()


def at_once(events: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the events, and sleep in between: for a server with a thread for each request."""
    for event in events:
        if event != WAIT:
            yield event
            continue
        give_connections_back()
        time.sleep(POLL_SECONDS)


async def slowly(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the events, each made in the request's own thread, and wait in the loop, which notices a disconnect."""
    make = sync_to_async(lambda: next(events, None))
    while (event := await make()) is not None:
        if event != WAIT:
            yield event
            continue
        await sync_to_async(give_connections_back)()
        await asyncio.sleep(POLL_SECONDS)


def give_connections_back() -> None:
    """Close the thread's connections: followers would keep more of them than everybody else needs."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def event(name: str, event_id: int, data: str) -> bytes:
    """Return an event; `data` has no line break."""
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n".encode()


def mark(event_id: int) -> bytes:
    """Return what keeps the connection alive, and lets a client that reconnects begin here. It is no event."""
    return f": everything up to here\nid: {event_id}\n\n".encode()
