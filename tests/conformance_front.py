"""One proxy or one API with a middleware, as the cases of the conformance suite see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from raw_api import say

WEBSOCKET = (
    b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
FRAME = b"\x81\x85\0\0\0\0hello"  # a text, masked with zeros
FORGED = b"forged-by-the-caller"
CLOSE = b"Connection: close"
UNKNOWN = b"Authorization: Basic YTpi"
# Answers by which nothing comes to the API.
NOT_LET_IN = {400, 401, 403, 404, 405, 431, 501, 503, 505}


@dataclass(frozen=True)
class Front:
    """One proxy or one API with a middleware; `credentials` are the headers of the tokens, by what they stand for."""

    name: str
    port: int
    source: str
    account: str
    credentials: dict[str, bytes]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def good(self) -> bytes:
        return self.credentials["good"]

    def say(self, *headers: bytes, line: bytes = b"GET /reached", body: bytes = b"", then: bytes = b"",
            seconds: float = 20, silence: float = 1.0) -> bytes:  # fmt: skip
        """Return the answer to one request."""
        asked = request(*headers, line=line, body=body)
        parts = (asked, then) if then else (asked,)
        return say(self.port, *parts, seconds=seconds, silence=silence, source=self.source)

    def status(self, *headers: bytes, **more: Any) -> int:
        answer = self.say(*headers, CLOSE, **more)
        return status_of(answer)

    def row(self, path: str) -> dict[str, Any]:
        (row,) = self.rows[f"/{self.name}{path}"]
        return row


def request(*headers: bytes, line: bytes = b"GET /reached", body: bytes = b"") -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: api.example.com", *headers, b"", body])


def status_of(answer: bytes) -> int:
    """Return an answer's status; closing without any is as good as 400."""
    return int(answer.split(b" ", 2)[1]) if answer else 400


def reached(answer: bytes) -> list[str]:
    """Return the head that came to the API, in lower case."""
    assert answer.startswith(b"HTTP/1.1 200"), answer
    body = answer.partition(b"\r\n\r\n")[2]  # in one piece, or in one chunk
    return [line.lower() for line in json.loads(body[body.index(b"[") : body.rindex(b"]") + 1])]


def identity(lines: list[str]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines if "simsim" in line.partition(":")[0])


Check = Callable[[Front], None]
# The cases by their names, in the order of the table: those of each phase by themselves.
ORDINARY: dict[str, Check] = {}
LOGGED: dict[str, Check] = {}
LAST: dict[str, Check] = {}


def case(name: str, cases: dict[str, Check] = ORDINARY) -> Callable[[Check], Check]:
    """Register a case under its name."""

    def register(check: Check) -> Check:
        assert name not in cases
        cases[name] = check
        return check

    return register
