"""The waiting room and the gate's memory in many schedules: no answer is stale, and every known mistake is caught."""

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_look_model import (
    DIGESTS,
    STEPS,
    ModelLook,
    Play,
    StaleError,
    Step,
    Wait,
    World,
    random_schedule,
)  # fmt: skip
from simsim.gate.waiting_room import Look, Seen, Snapshot, Version, WaitingRoom

SCHEDULES = int(os.environ.get("SIMSIM_TEST_SCHEDULES", "300"))
STEPS_EACH = 60
MUTANT_SCHEDULES = 8_000


@pytest.mark.covers("R13", "B1", "B11")
@settings(max_examples=SCHEDULES, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 11)), max_size=STEPS_EACH))
def test_no_schedule_gives_a_stale_answer_or_leaves_anybody_waiting(schedule: list[Step]) -> None:
    Play(World()).run(schedule)


@pytest.mark.covers("R13", "B1", "B11")
def test_no_random_schedule_gives_a_stale_answer() -> None:
    """Longer than those above, and without an outage in most, so that much is remembered."""
    chance, answers = random.Random(1), list[int]()
    for _ in range(SCHEDULES):
        play = Play(World())
        play.run(random_schedule(chance, STEPS_EACH))
        answers += play.answers
    assert answers.count(204) > answers.count(503)


# Each mutant below is one mistake that would break the promise. docs/design/freshness.md lists them.
class JoinsTheLookUnderWay(WaitingRoom[Wait]):
    def arrive(self, waiter: Wait, digest: bytes | None) -> None:
        if self._asking is None or digest is not None:
            super().arrive(waiter, digest)
        else:
            self._asking.append(waiter)


class AnswersThoseWhoCameLate(WaitingRoom[Wait]):
    def end(self, snapshot: Snapshot) -> tuple[list[Wait], Seen]:
        answered, seen = super().end(snapshot)
        late, self._waiting = self._waiting, []
        return answered + late, seen


class IgnoresTrimmedCommits(WaitingRoom[Wait]):
    def _follow(self, snapshot: Snapshot) -> Version:
        known = self.version
        if known is not None:
            snapshot = snapshot._replace(commits=snapshot.version - known.number)
        return super()._follow(snapshot)


class IgnoresTheServer(WaitingRoom[Wait]):
    def _follow(self, snapshot: Snapshot) -> Version:
        return super()._follow(snapshot._replace(server=""))


class KeepsItsKnowledgeAcrossAReconnect(IgnoresTheServer):
    def lose(self) -> None:
        pass


class ForgetsNothingThatChanged(WaitingRoom[Wait]):
    def __init__(self, forget: Any) -> None:
        super().__init__(lambda digests: None if digests else forget(digests))


class MovesTheVersionBeforeTheRow(World):
    def change(self, token: bytes) -> None:
        self.late = getattr(self, "late", [])
        self.move_version(token)
        self.late.append(token)

    def read(self, look: Look) -> Snapshot:
        # The row's transaction commits, and returns, after a look may have seen the version.
        snapshot = super().read(look)
        for token in getattr(self, "late", []):
            self.write_row(token)
        self.late = []
        return snapshot


class MovesTheVersionInATransactionOfItsOwn(World):
    def change(self, token: bytes) -> None:
        self.late = getattr(self, "late", [])
        self.write_row(token)
        self.late.append(token)

    def read(self, look: Look) -> Snapshot:
        snapshot = super().read(look)
        for token in getattr(self, "late", []):
            self.move_version(token)
        self.late = []
        return snapshot


class LeavesItToTheApplication(World):
    """A cascade, an older version or an operator's SQL changes the row, and the application moves no version."""

    def change(self, token: bytes) -> None:
        self.write_row(token)
        if token != DIGESTS[0]:
            self.move_version(token)


class CountsWithoutALock(World):
    """Two transactions draw their versions in one order and commit in the other."""

    def change(self, token: bytes) -> None:
        waiting: list[bytes] = getattr(self, "waiting", [])
        if not waiting:
            self.server.version += 1  # drawn, but neither committed nor visible
            self.waiting = [token]
            self.drawn = self.server.version
            return
        self.write_row(token)
        self.move_version(token)
        self.waiting = []
        self.overtaken: tuple[int, bytes] | None = (self.drawn, waiting[0])

    def read(self, look: Look) -> Snapshot:
        snapshot = super().read(look)
        if overtaken := getattr(self, "overtaken", None):
            version, token = overtaken
            self.write_row(token)
            self.server.commits[version] = {token}
            self.overtaken = None
        return snapshot


class ReadsTwoSnapshots(World):
    """The rows are read by one statement, and the version by the next."""

    def take(self) -> None:
        self.rows = self.server.copy(self.server.name)

    def read(self, look: Look) -> Snapshot:
        return self.answer(look, self.server, self.rows)


class ReadsTheVersionOnAStandby(World):
    def __init__(self) -> None:
        super().__init__()
        self.standby = self.server.copy("0")

    def read(self, look: Look) -> Snapshot:
        versions, self.standby = self.standby, self.server.copy(self.server.name)
        return self.answer(look, versions, self.server)


class SeenAsOfNow:
    """What a look brought, under whichever version is the current one."""

    def __init__(self, look: ModelLook, seen: Seen) -> None:
        self._look, self.records = look, seen.records

    @property
    def version(self) -> Version | None:
        return self._look.room.version


class RemembersUnderALaterVersion(ModelLook):
    def seen(self, seen: Seen) -> Any:
        return SeenAsOfNow(self, seen)


def look_in(room: type[WaitingRoom[Wait]]) -> type[ModelLook]:
    return type(f"LookIn{room.__name__}", (ModelLook,), {"room_class": room})


ROOMS = (
    JoinsTheLookUnderWay, AnswersThoseWhoCameLate, IgnoresTrimmedCommits, IgnoresTheServer,
    KeepsItsKnowledgeAcrossAReconnect, ForgetsNothingThatChanged,
)  # fmt: skip
WORLDS = (
    MovesTheVersionBeforeTheRow, MovesTheVersionInATransactionOfItsOwn, LeavesItToTheApplication, CountsWithoutALock,
    ReadsTwoSnapshots, ReadsTheVersionOnAStandby,
)  # fmt: skip
MUTANTS: dict[str, tuple[type[World], type[ModelLook]]] = {
    **{room.__name__: (World, look_in(room)) for room in ROOMS},
    **{world.__name__: (world, ModelLook) for world in WORLDS},
    RemembersUnderALaterVersion.__name__: (World, RemembersUnderALaterVersion),
}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.covers("R13", "B1", "B11")
def test_every_known_mistake_gives_a_stale_answer_in_some_schedule(mutant: str) -> None:
    world, look = MUTANTS[mutant]
    chance = random.Random(1)
    for _ in range(MUTANT_SCHEDULES):
        try:
            Play(world(), look).run(random_schedule(chance, STEPS_EACH))
        except StaleError:
            return
    pytest.fail("no schedule catches this mistake")
