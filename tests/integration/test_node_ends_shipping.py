"""Lines from nodes on other hosts become part of the log once, whichever machine gets them, and however often."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from request_lines import NOON, Clock, SpoolOfTests, request_id
from simsim.gate.unwritten_lines import Gap
from simsim.request_log import gaps, node_totals
from simsim.request_log.models import LogGap, LoggedRequest, OpenRequest, SetAsideLine
from simsim.request_log.ship import save
from simsim.request_log.ship.batch import Reading
from simsim.request_log.ship.join import AWAITED, Changes, join
from simsim.request_log.ship.shipper import Shipper, _shipping_lock

pytestmark = [
    pytest.mark.covers("R17", "B9"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
FILE = "node-ends-1.jsonl"


class Machine(SpoolOfTests):
    """A machine with a gate that nodes ask, and its worker."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        directory.mkdir()
        super().__init__(directory)
        self.shipper = Shipper(directory, clock)

    def end(self, number: int, status: int = 200) -> None:
        """Get a node's line of how a request ended."""
        self.complete(number, status, name=FILE)

    def ship(self) -> None:
        while self.shipper.ship_once():
            pass


@pytest.fixture
def machines(tmp_path: Path, clock: Clock) -> Iterator[tuple[Machine, Machine]]:
    found = Machine(tmp_path / "a", clock), Machine(tmp_path / "b", clock)
    yield found
    for machine in found:
        machine.close()


def rows() -> list[tuple[str, str, int | None, float | None]]:
    return sorted(LoggedRequest.objects.values_list("resource", "outcome", "status", "duration_seconds"))


def test_line_that_comes_again_and_again_counts_once(machines: tuple[Machine, Machine], clock: Clock) -> None:
    machine, other = machines
    machine.decide(1)
    machine.end(1)
    machine.end(1)
    machine.ship()
    machine.end(1, status=500)
    other.end(1, status=500)
    for each in machines:
        each.ship()
    assert rows() == [("/r/1", "accepted", 200, 0.25)]
    clock.now += AWAITED
    for each in machines:
        each.ship()
    assert rows() == [("/r/1", "accepted", 200, 0.25)]
    assert not OpenRequest.objects.exists()


@pytest.mark.parametrize("decided_first", [True, False])
def test_end_finds_the_decision_of_another_machine(machines: tuple[Machine, Machine], decided_first: bool) -> None:
    gate, other = machines
    gate.decide(1)
    other.end(1, status=201)
    for each in machines if decided_first else reversed(machines):
        each.ship()
    assert rows() == [("/r/1", "accepted", 201, 0.25)]
    assert not OpenRequest.objects.exists()


def test_decision_whose_end_is_stored_meanwhile_is_read_again(machines: tuple[Machine, Machine]) -> None:
    gate, other = machines
    gate.decide(1)
    reading = Reading(save.positions())
    reading.read_gate(gate.directory)
    other.end(1)
    other.ship()
    with _shipping_lock(gate.directory) as spool:
        assert spool is not None
        changes = join(reading.decided, [], {}, is_gate_read_to_its_end=True, now=NOON)
        with pytest.raises(save.Overtaken):
            save.save(changes, reading, spool=spool, now=NOON)
    assert rows() == []
    gate.ship()
    assert rows() == [("/r/1", "accepted", 200, 0.25)]


def test_end_without_any_decision_is_dropped_in_the_end(machines: tuple[Machine, Machine], clock: Clock) -> None:
    machine, _ = machines
    machine.end(1, status=503)
    machine.ship()
    assert OpenRequest.objects.get().completed
    clock.now += AWAITED - timedelta(seconds=1)
    machine.ship()
    assert OpenRequest.objects.exists()
    clock.now += timedelta(seconds=1)
    machine.ship()
    assert not OpenRequest.objects.exists()
    assert rows() == []


def test_missed_requests_are_counted_once(machines: tuple[Machine, Machine]) -> None:
    line = Gap(7, 200.0, 209.0).line()
    for machine in machines:
        for _ in range(2):
            with (machine.directory / FILE).open("ab") as file:
                file.write(line + line)
            machine.ship()
    assert LogGap.objects.get().requests == 7
    assert gaps.missing_since(datetime(1970, 1, 1, tzinfo=UTC)) == gaps.Missing(
        7, datetime.fromtimestamp(200, UTC), datetime.fromtimestamp(209, UTC)
    )
    missed = node_totals.NodeTotal.objects.filter(kind=node_totals.TotalKind.MISSED_REQUESTS)
    assert [total.amount for total in missed] == [7]


def test_anything_else_is_set_aside(machines: tuple[Machine, Machine]) -> None:
    machine, _ = machines
    with (machine.directory / FILE).open("ab") as file:
        file.write(b'{"id":"' + request_id(1).encode() + b'","reason":"ok"}\nnot a line\n')
    machine.ship()
    assert [line.text for line in SetAsideLine.objects.order_by("offset")][1] == "not a line"
    assert rows() == []


def test_end_that_two_machines_got_at_once_completes_the_request_once(machines: tuple[Machine, Machine]) -> None:
    """Both read the open request before either has stored its end: the second must join anew."""
    machine, _ = machines
    machine.decide(1)
    machine.ship()
    settled = Changes(settled=[*save.waiting([request_id(1)])])
    assert settled.settled
    save.save(settled, Reading({}), spool="a", now=NOON)
    with pytest.raises(save.Overtaken):
        save.save(settled, Reading({}), spool="b", now=NOON)
