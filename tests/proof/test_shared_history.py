"""A million verifications by four gates on one PostgreSQL while tokens change and connections are cut."""

import os
from pathlib import Path

import pytest

from shared_history import prove_history
from stack import Stack, settled

REQUESTS = int(os.environ.get("SIMSIM_TEST_VERIFICATIONS", "1000000"))


@pytest.mark.timeout(3600)
def test_no_answer_of_four_gates_is_late_in_a_long_history(tmp_path: Path) -> None:
    stack = Stack(tmp_path, on_postgresql=True)
    stack.copy(settled(on_postgresql=True))
    history = prove_history(stack, tmp_path, seconds=10.0, requests=REQUESTS)
    changes = sum(len(each) for each in history.changes)
    print(f"{len(history.requests):,} verifications, {changes:,} changes, {dict(history.statuses())}, 0 late")
