"""Some decisions are measured, and reported without disturbing any other."""

import json
import os
from pathlib import Path

import pytest

from gate_database import Database, basic
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.decision_times import BOUNDS, DecisionTimes
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool

BEGAN = 1_600_000_000


@pytest.mark.covers("B21")
def test_one_decision_at_a_time_is_measured_and_the_sums_are_reported(database: Database, spool_dir: Path) -> None:
    moments = [float(BEGAN)]
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=lambda: moments[-1])
    request = Request("", "GET", VERIFY, [basic(database.add())], [], "0123456789abcdef" * 2)
    for pause in (0.0, 0.01, 0.06, 20.0, 0.01):
        moments[:] = [moments[-1] + pause]
        assert gate.verify(request).status == 204
    gate.close()
    lines = [json.loads(line) for path in spool_dir.iterdir() for line in path.read_text().splitlines()]
    (report,) = (line for line in lines if "took" in line)
    assert (report["took"][0], sum(report["took"]), len(lines)) == (3, 3, 5 + 1)


def test_report_that_does_not_fit_is_dropped(tmp_path: Path) -> None:
    Spool(tmp_path / "missing").append_note(b"{}\n")


def test_child_does_not_report_what_its_parent_measured() -> None:
    times = DecisionTimes()
    times.add(0.0, 0.5)
    if not (pid := os.fork()):
        times.add(0.0, 0.0)
        line = times.report(60.0) or b"{}"
        os._exit(json.loads(line).get("took") != [1] + [0] * len(BOUNDS))
    assert os.waitpid(pid, 0)[1] == 0
    assert times.report(60.0) is not None


def test_clock_that_was_set_back_counts_as_no_time() -> None:
    times = DecisionTimes()
    assert times.report(0.0) is None
    times.add(100.0, 50.0)
    line = times.report(200.0)
    assert line is not None
    assert json.loads(line)["seconds"] == 0.0
