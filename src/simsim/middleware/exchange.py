"""One request through a middleware: the question to the gate, the caller it names, and the line of its end."""

import contextlib
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from simsim.gate.answer import EXPIRES_HEADER, IDENTITY_HEADERS, Answer, is_counted
from simsim.gate.app import Request
from simsim.gate.decided_line import path_of
from simsim.gate.request_id import new_request_id
from simsim.gate.request_target import printable
from simsim.gate.spool import Spool

LET_IN = 204
CLIENT_CLOSED = 499  # nginx's status for a client that went away before the answer was complete
OURS = "x-simsim-"
EXPIRES = EXPIRES_HEADER.lower()
CACHE_SIZE = 8 * 1024  # caches texts, never decisions
# Only the gate gets the password.
AUTHORIZATION = "authorization"


class Caller(NamedTuple):
    """Who sent a request that was let in: the ids of the account and the token, and the token's name."""

    account: str
    token: str
    token_name: str


@lru_cache(maxsize=CACHE_SIZE)
def is_hidden(name: str | bytes) -> bool:
    """Whether the API must not get this header from a client. Some servers turn "_" into "-"."""
    name = name if isinstance(name, str) else name.decode("latin-1")
    name = name.lower().replace("_", "-")
    return name == AUTHORIZATION or name == OURS.rstrip("-") or name.startswith(OURS)


@lru_cache(maxsize=CACHE_SIZE)
def is_ours(name: str | bytes) -> bool:
    """Whether the client must not get this header."""
    return (name if isinstance(name, str) else name.decode("latin-1")).lower().startswith(OURS)


class Asked(NamedTuple):
    """What a server tells of a request: the peer's address, "" or None for a Unix socket, and what the client sent.

    `is_plain`: the application routes by the path in the target. A server or another middleware may have changed it.
    """

    peer: str | None
    method: str
    target: str
    authorization: Sequence[bytes]
    forwarded_for: Sequence[str]
    is_plain: bool

    def question(self) -> Request:
        """Return what the gate is asked. To the gate, the middleware is a proxy that adds its peer's address."""
        hops = [*self.forwarded_for, self.peer] if self.peer else self.forwarded_for
        return Request(
            None, self.method, self.target, self.authorization, hops, new_request_id(), is_named=self.is_plain
        )


@lru_cache(maxsize=CACHE_SIZE)
def caller_of(said: Answer) -> tuple[Caller, tuple[tuple[str, str], ...]]:
    """Return the caller whom an answer that lets a request in names, and the headers that tell the API."""
    headers = dict(said.headers)
    told = tuple((each.lower(), headers[each.lower()]) for each in IDENTITY_HEADERS)
    account, token, name = (value for _, value in told)
    return Caller(account, token, unquote(name)), told


@lru_cache(maxsize=CACHE_SIZE)
def announcement_of(said: Answer) -> tuple[tuple[str, str], ...]:
    """Return the header that tells the client when its token expires, if the gate's answer has one."""
    return tuple((name, value) for name, value in said.headers if name == EXPIRES)


def headers_of(said: Answer) -> list[tuple[str, str]]:
    """Return the headers that the client may see."""
    return [(name, value) for name, value in said.headers if not is_ours(name)]


def sent_target(target: bytes) -> str:
    """Return the target as a correct client would have written it; almost every client did."""
    text = target.decode("latin-1")
    return text if text.isascii() and text.isprintable() and " " not in text else printable(target)


def is_path_of(target: str, path: bytes) -> bool:
    """Whether a path, decoded as the application gets it, is the one in the target."""
    return unquote_to_bytes(target.partition("?")[0]) == path


# A browser sends its preflight without credentials and a body (Fetch, section 4.8). A request that has one of the last
# four is no preflight: the gate decides it.
PREFLIGHT = frozenset({"origin", "access-control-request-method"})
NO_PREFLIGHT = frozenset({AUTHORIZATION, "content-length", "transfer-encoding", "upgrade"})


def is_preflight(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a request is a browser's question about CORS; the headers' names are in lower case."""
    if method != "OPTIONS":
        return False
    sent = {name for name, value in headers if value}
    return sent >= PREFLIGHT and not sent & NO_PREFLIGHT


class Exchange:
    """How one request goes on: its status and the bytes sent so far. `end` writes the line that the log joins."""

    def __init__(self, asked: Asked, ends: Spool) -> None:
        self.question = asked.question()
        self._asked, self._ends = asked, ends
        self._began = time.monotonic()
        self._counts = asked.method != "HEAD"
        self.status: int | None = None
        self.length: int | None = None  # as the answer announces it
        self.announcement: tuple[tuple[str, str], ...] = ()
        self.bytes = 0
        self.is_over = False
        self.is_preflight = False

    @property
    def has_sent_all(self) -> bool:
        """Whether the client has got as much as was announced. A server may read the application's body no further."""
        return self.length is not None and (self.bytes >= self.length or not self._counts)

    def sent(self, size: int) -> None:
        if self._counts:
            self.bytes += size

    def refuse(self, said: Answer) -> None:
        """End a refused request. One that the gate has counted gets no line, like its decision."""
        if is_counted(said):
            self.is_over = True
        self.end(said.status)

    def end(self, status: int) -> None:
        """Write the end, once. What the disk has no room for leaves the request with an unknown outcome in the log."""
        if self.is_over:
            return
        self.is_over = True
        asked, seconds = self._asked, time.monotonic() - self._began
        preflight = ',"is_preflight":true' if self.is_preflight else ""
        line = (
            f'{{"id":"{self.question.request_id}","at":{time.time():.6f},"seconds":{seconds:.6f},'
            f'"status":{status},"bytes":{self.bytes},"method":{quoted(asked.method)},'
            f'"path":{quoted(path_of(asked.target))},"address":{quoted(asked.peer) if asked.peer else "null"}'
            f"{preflight}}}\n"
        )
        with contextlib.suppress(OSError):
            self._ends.append(line.encode("ascii"))
