"""Lines in any order and any batches give the same requests."""

import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.decision import Cause, Reason
from simsim.request_log.ship.join import (
    AWAITED,
    Changes,
    Open,
    RequestRow,
    decided_row,
    join,
    outcome_of,
    undecided_row,
)
from simsim.request_log.ship.lines import Completed, Decided

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACME, READER = uuid.UUID(int=1), uuid.UUID(int=2)


def decided(number: int, reason: Reason = Reason.OK) -> Decided:
    return Decided(
        request_id=f"{number:032x}", at=NOON + timedelta(seconds=number), reason=reason, cause=Cause.OK,
        account_id=ACME, token_id=READER, token_name="reader", method="GET", resource="/a", address="203.0.113.9",
    )  # fmt: skip


def completed(number: int, status: int = 200) -> Completed:
    at = NOON + timedelta(seconds=number + 1)
    return Completed(f"{number:032x}", at, 0.5, status, 10 + number, "GET", "/a", "203.0.113.9")


@dataclass
class Log:
    """A database that applies changes."""

    rows: dict[int, RequestRow] = field(default_factory=dict)
    waiting: dict[str, Open] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def ship(self, decisions: list[Decided], ends: list[Completed], *, at_end: bool) -> None:
        changes = join(decisions, ends, self.waiting, is_gate_read_to_its_end=at_end, now=NOON)
        self.store(changes)

    def store(self, changes: Changes) -> None:
        for request_id in changes.settled:
            del self.waiting[request_id]
        for row in changes.rows:
            self.rows[next(self.ids)] = row
        for request_id, row in changes.open_rows.items():
            row_id = next(self.ids)
            self.rows[row_id] = row
            assert request_id not in self.waiting
            self.waiting[request_id] = Open(row_id=row_id, is_refused=row.outcome == "refused")
        for opened, end in changes.ends:
            assert opened.row_id is not None
            self.rows[opened.row_id] = self.rows[opened.row_id]._replace(
                status=end.status, outcome=outcome_of(is_refused=opened.is_refused),
                duration_seconds=end.seconds, bytes=end.bytes,
            )  # fmt: skip
        for end in changes.held:
            assert end.request_id not in self.waiting
            self.waiting[end.request_id] = Open(completed=end)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Decided], list[Completed], list[tuple[int, int, bool]]]:
    """Return decisions, ends, and rounds of how many of each are read, as a gateway and a gate could have written them.

    A round that says that the gate was read to its end has read the decisions of all ends read so far.
    """
    reasons = draw(st.lists(st.sampled_from([Reason.OK, Reason.EXPIRED, Reason.UNAVAILABLE]), max_size=12))
    decisions = [decided(number, reason) for number, reason in enumerate(reasons)]
    finished = draw(st.lists(st.sampled_from(range(len(reasons))), unique=True)) if reasons else []
    away = draw(st.lists(st.integers(100, 110), unique=True, max_size=4))
    ends = draw(st.permutations([completed(number) for number in finished] + [completed(n, 503) for n in away]))
    rounds: list[tuple[int, int, bool]] = []
    gate = gateway = 0
    while gate < len(decisions) or gateway < len(ends):
        gateway += draw(st.integers(0, len(ends) - gateway))
        needed = max((int(end.request_id, 16) + 1 for end in ends[:gateway] if end.status != 503), default=0)
        if draw(st.booleans()):
            gate = max(gate, needed)
            rounds.append((gate, gateway, True))
        else:
            gate += draw(st.integers(0, len(decisions) - gate))
            rounds.append((gate, gateway, False))
        if len(rounds) > 30:
            break
    return decisions, ends, [*rounds, (len(decisions), len(ends), True)]


@pytest.mark.covers("R17")
@given(histories())
def test_every_division_into_batches_gives_the_same_rows(
    history: tuple[list[Decided], list[Completed], list[tuple[int, int, bool]]],
) -> None:
    decisions, ends, rounds = history
    log, gate, gateway = Log(), 0, 0
    for next_gate, next_gateway, at_end in rounds:
        log.ship(decisions[gate:next_gate], ends[gateway:next_gateway], at_end=at_end)
        gate, gateway = next_gate, next_gateway

    by_id = {end.request_id: end for end in ends}
    expected = [decided_row(decision, by_id.pop(decision.request_id, None)) for decision in decisions]
    expected += [undecided_row(end) for end in by_id.values()]
    assert Counter(log.rows.values()) == Counter(expected)
    ended = {end.request_id for end in ends}
    assert set(log.waiting) == {decision.request_id for decision in decisions} - ended


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=25),
    st.sampled_from(range(1, 6)),
)
def test_no_line_is_lost_when_ids_come_twice(lines: list[tuple[int, bool, bool]], batch: int) -> None:
    log = Log()
    for start in range(0, len(lines), batch):
        some = lines[start : start + batch]
        log.ship(
            [decided(number) for number, is_decision, _ in some if is_decision],
            [completed(number) for number, is_decision, _ in some if not is_decision],
            at_end=some[-1][2],
        )
    log.ship([], [], at_end=True)
    decisions = sum(is_decision for _, is_decision, _ in lines)
    assert sum(row.account_id == ACME for row in log.rows.values()) == decisions
    assert sum(row.bytes is not None for row in log.rows.values()) == len(lines) - decisions


@pytest.mark.covers("R17")
def test_accepted_request_without_an_end_is_unknown() -> None:
    changes = join([decided(1)], [], {}, is_gate_read_to_its_end=True, now=NOON)
    (row,) = changes.open_rows.values()
    assert (row.outcome, row.status, row.reason) == ("unknown", None, "ok")


@pytest.mark.covers("R17")
@pytest.mark.parametrize(
    ("reason", "outcome", "status"), [("ok", "accepted", 204), ("address_not_allowed", "refused", 401)]
)
def test_test_from_the_console_has_its_outcome_and_waits_for_no_end(reason: str, outcome: str, status: int) -> None:
    tested = decided(1, Reason(reason))._replace(method="", resource="Test from the console")
    changes = join([tested], [], {}, is_gate_read_to_its_end=True, now=NOON)
    (row,) = changes.rows
    assert (row.outcome, row.status, row.reason) == (outcome, status, reason)
    assert not changes.open_rows


@pytest.mark.covers("R17")
@pytest.mark.parametrize(("method", "resource"), [("GET", "Test from the console"), ("", "/gate/console-test")])
def test_request_that_only_resembles_a_test_waits_for_its_end(method: str, resource: str) -> None:
    changes = join(
        [decided(1)._replace(method=method, resource=resource)], [], {}, is_gate_read_to_its_end=True, now=NOON
    )
    (row,) = changes.open_rows.values()
    assert row.outcome == "unknown"


@pytest.mark.parametrize(("reason", "status"), [("expired", 401), ("unavailable", 503), ("throttled", 429)])
def test_a_refusal_has_its_status_before_its_end_is_known(reason: str, status: int) -> None:
    row = decided_row(decided(1, Reason(reason)))
    assert (row.outcome, row.status) == ("refused", status)


@pytest.mark.parametrize(
    ("status", "reason", "cause", "outcome"),
    [
        (503, "unavailable", "gate_away", "refused"),
        (500, "unavailable", "gate_away", "refused"),
        (501, "malformed", "bad_request", "refused"),
        (505, "malformed", "bad_request", "refused"),
        (400, "malformed", "bad_request", "refused"),
        (499, "malformed", "bad_request", "refused"),
        (429, "throttled", "too_many", "refused"),
        (401, "unavailable", "no_decision", "refused"),
        (200, "unavailable", "no_decision", "unknown"),
        (None, "unavailable", "no_decision", "unknown"),
    ],
)
def test_request_that_no_gate_decided_has_that_cause(status: int | None, reason: str, cause: str, outcome: str) -> None:
    end = completed(1)._replace(status=status)
    row = undecided_row(end)
    assert (row.reason, row.cause, row.outcome, row.account_id) == (reason, cause, outcome, None)
    assert row.received_at == end.at - timedelta(seconds=0.5)


@pytest.mark.covers("R17")
@pytest.mark.parametrize("is_gate_read_to_its_end", [True, False])
def test_end_that_needs_a_decision_is_logged_only_with_it(is_gate_read_to_its_end: bool) -> None:
    alone, met = (completed(number)._replace(needs_decision=True) for number in (1, 2))
    changes = join([decided(2)], [alone, alone, met], {}, is_gate_read_to_its_end=is_gate_read_to_its_end, now=NOON)
    assert changes.rows == [decided_row(decided(2), met)]
    assert changes.held == ([] if is_gate_read_to_its_end else [alone])
    later = join([], [], {alone.request_id: Open(completed=alone)}, is_gate_read_to_its_end=True, now=NOON)
    assert (later.rows, later.settled) == ([], [alone.request_id])


@pytest.mark.covers("R17", "B9")
def test_end_from_a_node_waits_for_the_decision_of_another_machine_and_counts_once() -> None:
    end = completed(1)._replace(needs_decision=True, from_node=True)
    first = join([], [end, end], {}, is_gate_read_to_its_end=True, now=NOON)
    assert (first.rows, first.held) == ([], [end])
    held = {end.request_id: Open(completed=end, since=NOON)}
    assert not join([], [end], held, is_gate_read_to_its_end=True, now=NOON).settled
    met = join([decided(1)], [end], held, is_gate_read_to_its_end=True, now=NOON)
    assert (met.rows, met.settled, met.held) == ([decided_row(decided(1), end)], [end.request_id], [])
    too_late = join([], [], held, is_gate_read_to_its_end=True, now=NOON + AWAITED)
    assert (too_late.rows, too_late.settled) == ([], [end.request_id])
