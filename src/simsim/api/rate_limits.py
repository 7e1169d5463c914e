"""Rate limits of the management API (draft-ietf-httpapi-ratelimit-headers): a number of requests for each client.

Each server process counts for itself, in memory: a row for each request would make the gate forget its verdicts.
"""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from django.http import HttpRequest, HttpResponse

from simsim.management_problem import RateLimited

QUOTA = 3_000
WINDOW_SECONDS = 60
POLICY = f'"requests";q={QUOTA};w={WINDOW_SECONDS}'
MAX_CLIENTS = 10_000


@dataclass
class Window:
    """A client's requests since `began_at`, in monotonic seconds."""

    began_at: float
    used: int = 0


@dataclass(frozen=True)
class Standing:
    """What a client may still send, and in how many seconds the count starts again."""

    remaining: int
    seconds: int


_windows: OrderedDict[str, Window] = OrderedDict()
_lock = Lock()


def count(request: HttpRequest, client: str) -> None:
    """Count a request of the client; raise RateLimited if it is one too many."""
    with _lock:
        now = time.monotonic()
        window = _windows.get(client)
        if window is None or now - window.began_at >= WINDOW_SECONDS:
            window = _windows[client] = Window(now)
        _windows.move_to_end(client)
        if len(_windows) > MAX_CLIENTS:
            _windows.popitem(last=False)
        window.used += 1
        used, left = window.used, window.began_at + WINDOW_SECONDS - now
    standing = Standing(max(0, QUOTA - used), max(1, math.ceil(left)))
    request.standing = standing  # type: ignore[attr-defined]
    if used > QUOTA:
        raise RateLimited(seconds=str(standing.seconds))


def add_headers(request: HttpRequest, response: HttpResponse) -> None:
    """Tell the client what it may still send."""
    standing: Standing | None = getattr(request, "standing", None)
    if standing is not None:
        response.headers["RateLimit-Policy"] = POLICY
        response.headers["RateLimit"] = f'"requests";r={standing.remaining};t={standing.seconds}'
