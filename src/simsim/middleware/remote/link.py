"""The connections of one process to a gate on another host, and what the process knows of it."""

import asyncio
import atexit
import threading
import time
from typing import NamedTuple

import httpx2

from simsim.config.remote_gates import RemoteGateSettings
from simsim.gate import answer, process_identity
from simsim.gate.answer import Answer
from simsim.gate.node_question import ASK
from simsim.middleware.remote.answers import AWAY, answer_of
from simsim.middleware.remote.breaker import Breaker
from simsim.middleware.remote.missed_requests import MissedRequests
from simsim.middleware.remote.sender import Sender

# The gate gives a database two seconds.
TIMEOUT = httpx2.Timeout(connect=1.0, write=1.0, read=3.0, pool=1.0)
MAX_SECONDS = 4.0
# The gate ends a connection that is silent for ten seconds; a question must not meet that end.
LIMITS = httpx2.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=5.0)
# After these, the gate can't have seen the question.
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
COMPLAINT_INTERVAL_SECONDS = 1.0

# Never empty this list: a forked child must not close, or share, its parent's connections.
_inherited: list["Connections"] = []


class Said(NamedTuple):
    """What came back: the status, the headers and the body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Connections:
    """The clients and the sender of one process; that of a loop is made in the loop."""

    def __init__(self, settings: RemoteGateSettings) -> None:
        self.generation = process_identity.generation()
        headers = {"authorization": f"Bearer {settings.token}"}
        # Without trust_env, no variable of the environment names a proxy, and no .netrc other credentials.
        self._options = {
            "base_url": settings.url, "headers": headers, "verify": settings.tls, "timeout": TIMEOUT, "limits": LIMITS,
            "trust_env": False, "follow_redirects": False,
        }  # fmt: skip
        self.client = httpx2.Client(**self._options)  # type: ignore[arg-type]
        self.missed = MissedRequests()
        self.sender = Sender(settings.spool_dir, self.client, self.missed, settings.say)
        self.sender.start()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._of_the_loop: httpx2.AsyncClient | None = None

    def of_the_loop(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._of_the_loop is None or self._loop is not loop:
            self._loop, self._of_the_loop = loop, httpx2.AsyncClient(**self._options)  # type: ignore[arg-type]
        return self._of_the_loop

    def close(self) -> None:
        self.sender.stop()
        self.client.close()

    async def close_together(self) -> None:
        if self._of_the_loop is not None and self._loop is asyncio.get_running_loop():
            await self._of_the_loop.aclose()
        await asyncio.to_thread(self.close)


class Link:
    """Asks the gate, and judges what it hears. Shared by all threads of a process, and usable after a fork."""

    def __init__(self, settings: RemoteGateSettings) -> None:
        self.settings = settings
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._own: Connections | None = None
        self._complained_at = -COMPLAINT_INTERVAL_SECONDS
        # A server for WSGI tells nobody that it ends.
        atexit.register(self.close)

    def may_ask(self) -> bool:
        """Whether a request may ask the gate now. One that may not counts as missed."""
        if self._breaker.may_ask(time.monotonic()):
            return True
        self._connections().missed.add(time.time())
        return False

    def ask(self, question: bytes) -> Said:
        """Return what the gate answers. Raises httpx2.RequestError."""
        return said_of(self._connections().client.post(ASK, content=question))

    async def ask_together(self, question: bytes) -> Said:
        """Return what the gate answers, in an event loop. Raises httpx2.RequestError or TimeoutError."""
        async with asyncio.timeout(MAX_SECONDS):
            return said_of(await self._connections().of_the_loop().post(ASK, content=question))

    def hear(self, said: Said, *, is_preflight: bool) -> Answer:
        """Return the answer, or 503 for one that no gate gives."""
        found = answer_of(*said, is_preflight=is_preflight)
        if found is not None:
            self._breaker.succeeded()
            return found
        self._breaker.failed(time.monotonic())
        self._connections().missed.add(time.time())
        if said.status == answer.NOT_FOUND.status:
            self._complain(
                "does not accept SIMSIM_GATE_TOKEN: it is wrong, expired or revoked, or it may not be used from here"
            )
            return AWAY
        self._complain(f"gave an answer that is not a gate's, with the status {said.status}")
        return answer.UNDECIDED

    def fail(self, error: Exception) -> Answer:
        """Return 503 for a question that got no answer."""
        # When there are more requests than connections, the gate is busy and not away.
        if not isinstance(error, httpx2.PoolTimeout):
            self._breaker.failed(time.monotonic())
        self._connections().missed.add(time.time())
        self._complain(f"can't be asked: {type(error).__name__}: {error}")
        # The gate may have decided before the connection broke; then the end belongs to that decision.
        return AWAY if isinstance(error, UNSENT) else answer.UNDECIDED

    def close(self) -> None:
        """Send the lines that wait, if the gate takes them now, and end the connections until the next question."""
        if (own := self._taken_away()) is not None:
            own.close()

    async def close_together(self) -> None:
        """Do what `close` does, in an event loop."""
        if (own := self._taken_away()) is not None:
            await own.close_together()

    def _taken_away(self) -> Connections | None:
        with self._lock:
            own = self._own
            if own is None or own.generation != process_identity.generation():
                return None
            self._own = None
            return own

    def _connections(self) -> Connections:
        own = self._own
        if own is not None and own.generation == process_identity.generation():
            return own
        with self._lock:
            if self._own is None or self._own.generation != process_identity.generation():
                if self._own is not None:
                    _inherited.append(self._own)
                self._own = Connections(self.settings)
            return self._own

    def _complain(self, text: str) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            self.settings.say(f"The gate at {self.settings.url} {text}")


def said_of(response: httpx2.Response) -> Said:
    return Said(response.status_code, response.headers.multi_items(), response.content)
