"""Four gates on one PostgreSQL while tokens change and connections are cut: no answer is late."""

from pathlib import Path

import pytest

from shared_history import Change, History, prove_history
from stack import Stack, settled

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


@pytest.mark.covers("R13", "B1", "B11")
def test_no_answer_of_four_gates_is_late(tmp_path: Path) -> None:
    stack = Stack(tmp_path, on_postgresql=True)
    stack.copy(settled(on_postgresql=True))
    history = prove_history(stack, tmp_path, seconds=4.0, requests=2000)
    statuses = history.statuses()
    assert min(statuses[204], statuses[401]) > 200
    assert sum(len(changes) for changes in history.changes) > 50


def test_checker_finds_late_answers() -> None:
    history = History()
    history.changes[0] = [Change(1.0, 2.0, opens=False), Change(5.0, 6.0, opens=True)]
    right = [
        (0, 0.1, 0.5, 204), (0, 0.5, 1.5, 401), (0, 1.5, 1.6, 204), (0, 1.5, 1.6, 401), (0, 2.5, 2.6, 401),
        (0, 2.5, 2.6, 503), (0, 4.0, 5.5, 204), (0, 5.5, 5.6, 401), (0, 6.5, 6.6, 204),
    ]  # fmt: skip
    late = [(0, 0.1, 0.5, 401), (0, 2.5, 2.6, 204), (0, 6.5, 6.6, 401)]
    history.requests = right + late
    assert history.late() == late
