"""Serves static files before Django is called: cacheable forever, and compressed if the client accepts it."""

import re
from pathlib import Path

from simsim.console.static_storage import COMPRESSED
from simsim.gate.asgi import Receive, Scope, Send

# Only names with a hash, because browsers cache them forever; `..` never matches.
MAX_NAME_LENGTH = 200
COLLECTED = re.compile(r"(?:[\w-]+/)*[\w.-]+\.[0-9a-f]{12}\.(?P<kind>\w+)", re.ASCII)
TYPES = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
    "png": b"image/png",
    "woff2": b"font/woff2",
}
CACHE_FOREVER = b"public, max-age=31536000, immutable"
FOR_OUR_PAGES = ((b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin"))
Headers = list[tuple[bytes, bytes]]


class StaticFiles:
    """The ASGI application that serves the files in `root` under `prefix`."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._root, self._prefix = root, prefix

    def __contains__(self, path: str) -> bool:
        return path.startswith(self._prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["method"] in {"GET", "HEAD"}:
            status, headers, body = self.answer(scope["path"].removeprefix(self._prefix), takes_gzip(scope["headers"]))
        else:
            status, headers, body = 405, [(b"allow", b"GET, HEAD")], b""
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def answer(self, name: str, compressed: bool) -> tuple[int, Headers, bytes]:
        """Return the status, headers and contents of a static file; 404 for any other name.

        The file is read in the event loop: reading a few kilobytes from the page cache is faster than using another
        thread.
        """
        known = COLLECTED.fullmatch(name)
        kind = TYPES.get(known["kind"]) if known else None
        path = self._root / name
        # A name that is too long for the file system would raise an error instead of giving 404.
        if kind is None or len(name) > MAX_NAME_LENGTH or not path.is_file():
            return 404, [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")], b"Not found\n"
        headers = [(b"content-type", kind), (b"cache-control", CACHE_FOREVER), *FOR_OUR_PAGES]
        smaller = path.with_name(path.name + COMPRESSED)
        if not smaller.is_file():
            return 200, headers, path.read_bytes()
        headers.append((b"vary", b"accept-encoding"))
        if not compressed:
            return 200, headers, path.read_bytes()
        return 200, [*headers, (b"content-encoding", b"gzip")], smaller.read_bytes()


def takes_gzip(headers: Headers) -> bool:
    """Whether the client accepts gzip, with a weight above zero (RFC 9110, section 12.5.3)."""
    for name, value in headers:
        if name == b"accept-encoding":
            for coding in value.decode("latin-1").lower().split(","):
                known, _, weight = (part.strip() for part in coding.partition(";"))
                if known == "gzip":
                    return not re.fullmatch(r"q=0(\.0*)?", weight)
    return False
