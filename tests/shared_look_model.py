"""A database, a network and an event loop in miniature, around the real gate, its waiting room and its memory.

A schedule is a list of steps; each step is (what, which). The gate's coroutines are stepped by hand, so that arrivals,
snapshots, answers and awakenings can happen in every order. Each answer shows which state of the token it rests on, and
must not rest on one that had been replaced when the request arrived.
"""

import random
import uuid
from collections.abc import Callable, Collection, Coroutine, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from gate_database import ACME, basic
from simsim.credential.decision import Record
from simsim.credential.digest import digest
from simsim.credential.password import mint
from simsim.gate.answer import Answer
from simsim.gate.app import VERIFY, Request
from simsim.gate.lookup import Lookup, Unavailable
from simsim.gate.shared_gate import SharedGate
from simsim.gate.spool import Spool
from simsim.gate.waiting_room import Look, Seen, Snapshot, Version, WaitingRoom

PASSWORDS = [mint() for _ in range(3)]
DIGESTS = [digest(password) for password in PASSWORDS]
REQUESTS = [Request("", "GET", VERIFY, [basic(password)], [], "0" * 32) for password in PASSWORDS]
KEPT_COMMITS = 3
EXPIRES = datetime(2100, 1, 1, tzinfo=UTC)
STEPS = (
    "arrive", "arrive", "arrive", "change", "change", "send", "send", "read", "read", "end", "end", "wake", "wake",
    "wake", "wake", "break", "fail", "switch",
)  # fmt: skip
Step = tuple[str, int]


class StaleError(AssertionError):
    """An answer rests on a state that had been replaced before the request arrived."""


@dataclass
class Server:
    """A database: the state of each token, and the commits of its versions."""

    name: str
    states: dict[bytes, int]
    version: int = 0
    commits: dict[int, set[bytes]] = field(default_factory=dict)

    def copy(self, name: str) -> "Server":
        return Server(name, dict(self.states), self.version, dict(self.commits))


class World:
    """The database that answers, and how it moves its version. Mutants override its methods."""

    def __init__(self) -> None:
        self.newest = 0
        self.server = Server("0", dict.fromkeys(DIGESTS, 0))
        self.servers = 1

    def change(self, token: bytes) -> None:
        """Commit a change of a token. When this returns, the change has returned to whoever made it."""
        self.write_row(token)
        self.move_version(token)

    def write_row(self, token: bytes) -> None:
        self.newest += 1
        self.server.states[token] = self.newest

    def move_version(self, token: bytes) -> None:
        server = self.server
        server.version += 1
        server.commits[server.version] = {token}
        server.commits.pop(server.version - KEPT_COMMITS, None)

    def switch(self, which: int) -> None:
        """Put another database in its place, with other states and a version that may be lower, equal or higher."""
        versions = [max(0, self.server.version + step) for step in (-1, 0, 1)]
        self.newest += 1
        states = dict.fromkeys(DIGESTS, self.newest)
        version = versions[which % 3]
        commits: dict[int, set[bytes]] = {n: set() for n in range(max(1, version - 1), version + 1)}
        self.server = Server(str(self.servers), states, version, commits)
        self.servers += 1

    def take(self) -> None:
        """Take a look in, before it is read."""

    def read(self, look: Look) -> Snapshot:
        """Answer a look from one snapshot."""
        return self.answer(look, self.server, self.server)

    def answer(self, look: Look, versions: Server, rows: Server) -> Snapshot:
        known = versions.version if look.known is None else look.known
        past = {n: commit for n, commit in versions.commits.items() if known < n <= versions.version}
        changed: set[bytes | None] = set().union(*past.values())
        records: dict[bytes, Record | None] = {token: record(token, rows.states[token]) for token in look.digests}
        return Snapshot(versions.name, versions.version, len(past), changed, records)


def record(token: bytes, state: int) -> Record:
    return Record(str(uuid.UUID(int=1)), str(ACME), str(state), token, EXPIRES, False, b"", None)


class Wait:
    """What a coroutine of the gate waits for."""

    def __init__(self) -> None:
        self.result: Seen | Exception | None = None

    def __await__(self) -> Generator[None, None, Seen]:
        while self.result is None:
            yield
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class ModelLook:
    """Looks whose every part is a step of the schedule."""

    room_class: type[WaitingRoom[Wait]] = WaitingRoom
    holds_imported = False

    def __init__(self, forget: Callable[[Collection[bytes] | None], None]) -> None:
        self.room = self.room_class(forget)
        self.sent: Look | None = None
        self.read: Snapshot | None = None

    @property
    def version(self) -> Version | None:
        return self.room.version

    def join(self, token: bytes | None) -> Wait:
        wait = Wait()
        self.room.arrive(wait, token)
        return wait

    def seen(self, seen: Seen) -> Seen:
        return seen

    def close(self) -> None:
        pass


class NoSpool:
    """Takes lines and keeps none."""

    def append(self, line: bytes) -> None:
        pass

    append_note = append


@dataclass
class Asked:
    """One request: what it asks, the token's state when it arrived, and its coroutine."""

    token: bytes
    state: int
    coroutine: Coroutine[Any, None, Answer]


class Play:
    """One gate in one world, and the steps of a schedule."""

    def __init__(self, world: World, look_class: type[ModelLook] = ModelLook) -> None:
        self.world = world
        self.gate = SharedGate(
            cast("Lookup", None),
            look_class,
            cast("Spool", NoSpool()),
            clock=lambda: 1_900_000_000.0,
            say=lambda _: None,
        )
        self.look = cast("ModelLook", self.gate._look)
        self.asked: list[Asked] = []
        self.answers: list[int] = []

    def run(self, schedule: Iterable[Step]) -> None:
        """Take the steps, then answer everybody. Raises StaleError, or AssertionError if somebody is left waiting."""
        for what, which in schedule:
            getattr(self, f"_{what}")(which)
        for _ in range(4):
            for what in ("end", "send", "read", "end"):
                getattr(self, f"_{what}")(0)
            for which in range(len(self.asked) - 1, -1, -1):
                self._wake(which)
        assert not self.asked, "somebody is left waiting"

    def _arrive(self, which: int) -> None:
        token = which % len(DIGESTS)
        state = self.world.server.states[DIGESTS[token]]
        self.asked.append(Asked(DIGESTS[token], state, self.gate.verify_together(REQUESTS[token])))
        self._wake(-1)

    def _change(self, which: int) -> None:
        self.world.change(DIGESTS[which % len(DIGESTS)])

    def _switch(self, which: int) -> None:
        self.world.switch(which)

    def _send(self, _which: int) -> None:
        if self.look.room.is_ready_to_send():
            self.look.sent = self.look.room.send()
            self.world.take()

    def _read(self, _which: int) -> None:
        if self.look.sent is not None and self.look.read is None:
            self.look.read = self.world.read(self.look.sent)

    def _end(self, _which: int) -> None:
        if self.look.read is None:
            return
        waits, seen = self.look.room.end(self.look.read)
        self.look.sent = self.look.read = None
        for wait in waits:
            wait.result = self.look.seen(seen)

    def _break(self, _which: int) -> None:
        self.look.sent = self.look.read = None
        self.look.room.retry()

    def _fail(self, which: int) -> None:
        if which % 4:
            return
        self.look.sent = self.look.read = None
        for wait in self.look.room.fail():
            wait.result = Unavailable()

    def _wake(self, which: int) -> None:
        """Let one coroutine go on, whether or not it has what it waits for."""
        if not self.asked:
            return
        asked = self.asked[which % len(self.asked)]
        try:
            asked.coroutine.send(None)
        except StopIteration as stop:
            self.asked.remove(asked)
            self._check(asked, stop.value)

    def _check(self, asked: Asked, answer: Answer) -> None:
        self.answers.append(answer.status)
        if answer.status == 503:
            return
        assert answer.status == 204
        if int(dict(answer.headers)["x-simsim-token-name"]) < asked.state:
            raise StaleError


def random_schedule(chance: random.Random, steps: int) -> list[Step]:
    return [(chance.choice(STEPS), chance.randrange(12)) for _ in range(steps)]
