"""Requests that wait together for one look at the database. A pure state machine: no clock and no I/O.

A request is answered only by a look that is sent after the request arrived. `docs/design/freshness.md` has the proof.
"""

from collections.abc import Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from simsim.credential.decision import Record

# More requests wait only while the database is slow. Each keeps its memory, so the next one gets 503 at once.
MAX_WAITING = 4096
Waiter = TypeVar("Waiter")


class Full(Exception):
    """Too many requests wait already."""


class Look(NamedTuple):
    """The question to the database: the version that is known, None for none, and the digests whose rows are needed."""

    known: int | None
    digests: tuple[bytes, ...]


class Snapshot(NamedTuple):
    """The answer to one look: what one snapshot of the database showed.

    `server` is equal for two snapshots only if the same database of the same running server gave them. `commits` is the
    number of versions since the known one that the database still remembers, and `changed` has the digests of their
    tokens; None in it stands for every token. `records` has the tokens that exist; None stands for two with one
    password, which is a bug.
    """

    server: str
    version: int
    commits: int
    changed: Collection[bytes | None]
    records: dict[bytes, Record | None]


class Version(NamedTuple):
    """One version of one database. Compare by identity: knowledge that was dropped makes the same version a new one."""

    server: str
    number: int


class Seen(NamedTuple):
    """What a look brought for the requests that waited for it."""

    version: Version
    records: dict[bytes, Record | None]


class WaitingRoom(Generic[Waiter]):
    """Those who wait for the next look, those whose look is under way, and the version of what is remembered.

    `forget` is called with the digests whose verdicts no longer hold, or with None if no verdict holds.
    """

    def __init__(self, forget: Callable[[Collection[bytes] | None], None]) -> None:
        self._forget = forget
        self._waiting: list[Waiter] = []
        self._needed: set[bytes] = set()
        self._asking: list[Waiter] | None = None
        self._asked: frozenset[bytes] = frozenset()
        self.version: Version | None = None

    def arrive(self, waiter: Waiter, digest: bytes | None) -> None:
        """Note an arrival, and the digest whose row is needed unless it is None. Raises Full."""
        if len(self._waiting) >= MAX_WAITING:
            raise Full
        # Never join the look that is under way: its snapshot may be older than this request.
        self._waiting.append(waiter)
        if digest is not None:
            self._needed.add(digest)

    def is_ready_to_send(self) -> bool:
        """Whether somebody waits and no look is under way."""
        return self._asking is None and bool(self._waiting)

    def send(self) -> Look:
        """Return the look to send now, for all who have arrived so far."""
        self._asking, self._waiting = self._waiting, []
        self._asked, self._needed = frozenset(self._needed), set()
        return Look(None if self.version is None else self.version.number, tuple(self._asked))

    def end(self, snapshot: Snapshot) -> tuple[list[Waiter], Seen]:
        """Take the answer to the look under way; return those who waited for it, and what they may use.

        First forgets what no longer holds.
        """
        answered, self._asking = self._asking or [], None
        self.version = self._follow(snapshot)
        return answered, Seen(self.version, snapshot.records)

    def retry(self) -> None:
        """Let those whose look was lost wait for the next one; forget everything, because the connection is gone."""
        self.lose()
        self._waiting[:0] = self._asking or []
        self._needed |= self._asked
        self._asking = None

    def fail(self) -> list[Waiter]:
        """Give up; return everybody who waits, to be answered with 503."""
        self.lose()
        waiters = [*(self._asking or []), *self._waiting]
        self._asking, self._waiting, self._needed = None, [], set()
        return waiters

    def lose(self) -> None:
        """Forget everything: after the connection is gone, another server or a restored database may answer."""
        self.version = None
        self._forget(None)

    def _follow(self, snapshot: Snapshot) -> Version:
        known = self.version
        if known is not None and known == (snapshot.server, snapshot.version):
            return known
        # Every version since the known one must be accounted for: commits that were trimmed have left a gap, and a
        # version that went back was restored.
        is_followed = (
            known is not None
            and known.server == snapshot.server
            and snapshot.version - known.number == snapshot.commits
            and snapshot.commits > 0
        )
        changed = {digest for digest in snapshot.changed if digest is not None}
        self._forget(changed if is_followed and None not in snapshot.changed else None)
        return Version(snapshot.server, snapshot.version)
