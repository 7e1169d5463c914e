"""Hands out the collected files: for good, as each is named after its contents, and compressed where that is taken."""

import re
from pathlib import Path

from simsim.console.static_storage import COMPRESSED
from simsim.gate.asgi import Receive, Scope, Send

# A name without its hash could change its contents under a browser that keeps it; a `..` fits nowhere in this.
MAX_NAME_LENGTH = 200
COLLECTED = re.compile(r"(?:[\w-]+/)*[\w.-]+\.[0-9a-f]{12}\.(?P<kind>\w+)", re.ASCII)
TYPES = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
    "png": b"image/png",
    "woff2": b"font/woff2",
}
FOR_GOOD = b"public, max-age=31536000, immutable"
Headers = list[tuple[bytes, bytes]]


class StaticFiles:
    """The ASGI application of the files below `root`, asked for under `prefix`."""

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
        """Return status, headers and contents of a collected file, 404 for everything else.

        It is read on the loop's own thread: a few kilobytes of the page cache take less time than the way to another.
        """
        known = COLLECTED.fullmatch(name)
        kind = TYPES.get(known["kind"]) if known else None
        path = self._root / name
        # A longer name than any of ours may be too long for the file system, which is an error and not a “no”.
        if kind is None or len(name) > MAX_NAME_LENGTH or not path.is_file():
            return 404, [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")], b"Not found\n"
        headers = [(b"content-type", kind), (b"cache-control", FOR_GOOD), (b"x-content-type-options", b"nosniff")]
        smaller = path.with_name(path.name + COMPRESSED)
        if not smaller.is_file():
            return 200, headers, path.read_bytes()
        headers.append((b"vary", b"accept-encoding"))
        if not compressed:
            return 200, headers, path.read_bytes()
        return 200, [*headers, (b"content-encoding", b"gzip")], smaller.read_bytes()


def takes_gzip(headers: Headers) -> bool:
    """Whether the client names gzip among what it takes, with a weight above zero (RFC 9110, section 12.5.3)."""
    for name, value in headers:
        if name == b"accept-encoding":
            for coding in value.decode("latin-1").lower().split(","):
                known, _, weight = (part.strip() for part in coding.partition(";"))
                if known == "gzip":
                    return not re.fullmatch(r"q=0(\.0*)?", weight)
    return False
