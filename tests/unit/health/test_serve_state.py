"""`simsim doctor` learns from a file whether `simsim serve` runs, and which of its programs fail."""

import sys
from pathlib import Path

import pytest

from simsim.health.doctor.processes import failure_of
from simsim.health.serve_state import NAME, ServeState, read_served
from simsim.operations.program import Program
from simsim.operations.supervisor import Supervisor
from simsim.problem import Unusable


@pytest.mark.covers("B11")
def test_doctor_learns_of_a_failing_program_and_of_the_end_of_serve(tmp_path: Path) -> None:
    assert read_served(tmp_path) is None
    with (
        ServeState(tmp_path, host="::", port=8000) as state,
        Supervisor(lambda _: None, note=state.write).supervising() as supervisor,
    ):
        assert read_served(tmp_path) is None
        supervisor.start(Program("gate", (sys.executable, "-c", "import time; time.sleep(60)")))
        supervisor.start(Program("worker", (sys.executable, "-S", "-c", "raise SystemExit(3)")))
        supervisor.wait_until(lambda: supervisor.running[1].failures >= 3, name="worker", seconds=20)
        served = read_served(tmp_path)
        assert served is not None
        assert (served.is_running, served.host, served.port) == (True, "::", 8000)
        assert failure_of(served, "gate") == failure_of(served, "nobody") == ""
        assert failure_of(served, "worker").startswith(": it ended 3 times in a row (exit status 3), and restarts at ")
        with pytest.raises(Unusable, match="Another simsim serve"):
            ServeState(tmp_path, host="::", port=8000).write([])
    ended = read_served(tmp_path)
    assert ended is not None
    assert not ended.is_running


def test_half_written_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"host": "::"')
    assert read_served(tmp_path) is None
