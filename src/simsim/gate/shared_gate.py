"""The gate on PostgreSQL, in an event loop: requests wait together for one look, and remembered verdicts outlive it."""

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from simsim.credential import basic
from simsim.credential.decision import UNDECIDED, Credentials, Decision, Record
from simsim.gate import answer
from simsim.gate.address import Located, locate
from simsim.gate.answer import Answer
from simsim.gate.app import READYZ, Gate, Request, say_on_stderr
from simsim.gate.counters import Counters
from simsim.gate.lookup import Lookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.spool import Spool
from simsim.gate.verdict import SharedVerdicts, Verdict, question_of
from simsim.gate.waiting_room import Seen, Version
from simsim.gate.worker_health import WorkerHealth

Forget = Callable[[Collection[bytes] | None], None]


class LookForAll(Protocol):
    """Looks at the database that requests share; `gate.shared_look` has the one on PostgreSQL."""

    @property
    def version(self) -> Version | None:
        """The version of what is remembered."""
        ...

    @property
    def holds_imported(self) -> bool:
        """Whether any credentials have been imported, as of the last look."""
        ...

    def join(self, digest: bytes | None) -> Awaitable[Seen]:
        """Wait for a look that is sent after this call, and that reads the row under the digest unless it is None.

        Raises Unavailable, at once or when awaited.
        """
        ...

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        ...


class SharedGate(Gate):
    """A gate whose requests share looks. `verify` and `is_ready` still work, without a loop and with `lookup`."""

    def __init__(
        self,
        lookup: Lookup,
        open_look: Callable[[Forget], LookForAll],
        spool: Spool,
        trusted: bytes = b"",
        *,
        clock: Callable[[], float] = time.time,
        worker_health: Callable[[float], WorkerHealth] = lambda _: WorkerHealth(None),
        limits: FailureLimits | None = None,
        counters: Counters | None = None,
        say: Callable[[str], None] = say_on_stderr,
        announces_expiry: bool = True,
        accepts_bearer: bool = False,
    ) -> None:
        super().__init__(
            lookup, spool, trusted, clock, worker_health, limits=limits, counters=counters, say=say,
            announces_expiry=announces_expiry, accepts_bearer=accepts_bearer,
        )  # fmt: skip
        self._shared = SharedVerdicts()
        self._look = open_look(self._shared.forget)

    async def verify_together(self, request: Request) -> Answer:
        """Return the answer to one request, like `verify`, after a look that was sent after the request arrived."""
        try:
            now = self._clock()
            located = locate(request.peer, request.forwarded_for, self._trusted)
            # As in `verify`: only a trusted proxy may ask.
            if not located.is_trusted:
                return answer.NOT_FOUND
            return self._logged(request, await self._verdict_together(request.authorization, located, now), now)
        except Exception as error:
            self.complain(error)
            return answer.UNDECIDED

    async def answer_together(self, path: str, method: str) -> Answer:
        """Return the answer to a request for any path but VERIFY, like `answer`."""
        if path != READYZ or method not in {"GET", "HEAD"}:
            return self.answer(path, method)
        try:
            await self._look.join(bytes(32))
            self._spool.open()
        except Exception as error:
            self.complain(error)
            return answer.UNDECIDED
        return self._readiness()

    def close(self) -> None:
        """Close the connections and the spool."""
        self._look.close()
        super().close()

    async def _verdict_together(self, authorization: Sequence[bytes], located: Located, now: float) -> Verdict:
        """Return the verdict as of a look that begins now. A remembered one needs only the look at the version."""
        question = question_of(authorization, located)
        if question is not None and self._shared.recall(question, now) is not None:
            try:
                await self._look.join(None)
            except Exception as error:
                known = self._parse(authorization, admits_foreign=self._foreign.are_admitted)
                return self._judge(known, located, now, _raising(error))
            # The look may have shown a change, and have forgotten the verdict.
            verdict = self._shared.recall(question, now)
            if verdict is not None:
                return verdict
        credentials = await self._parsed_together(authorization)
        if not isinstance(credentials, Credentials):
            return self._judge(credentials, located, now, _raising(AssertionError()))
        try:
            seen = await self._look.join(credentials.digest)
        except Exception as error:
            return self._judge(credentials, located, now, _raising(error))
        verdict = self._judge(credentials, located, now, _finding(seen))
        # Another look may have ended before this request woke up: its version is not the version of our row.
        if question is not None and seen.version is self._look.version:
            self._shared.remember(question, credentials.digest, verdict)
        return verdict

    async def _parsed_together(self, authorization: Sequence[bytes]) -> Credentials | Decision:
        """Return what `_parsed` returns, after a look if a question must be asked."""
        parsed = self._parse(authorization)
        if not basic.is_foreign(parsed):
            return parsed
        asked_at = self._foreign.asks_at()
        if asked_at is not None:
            try:
                await self._look.join(None)
            except Exception as error:
                self.complain(error)
                return UNDECIDED
            self._foreign.learn(asked_at, are_admitted=self._look.holds_imported)
        return self._parse(authorization, admits_foreign=self._foreign.are_admitted)


def _finding(seen: Seen) -> Callable[[bytes], Record | None]:
    """Return a `find` on the rows of one look."""

    def find(digest: bytes) -> Record | None:
        record = seen.records.get(digest)
        if record is None and digest in seen.records:
            raise ValueError("two tokens have one password")  # a bug, so refuse to decide
        return record

    return find


def _raising(error: Exception) -> Callable[[bytes], Record | None]:
    def find(_digest: bytes) -> Record | None:
        raise error

    return find
