"""A flood of failed attempts costs a bounded log and keeps nobody out."""

from pathlib import Path

import pytest

from failed_attempts import WARMUP, flood
from settings_for_tests import ON_POSTGRESQL
from stack import Stack

LIMITS = {"SIMSIM_FAILURES_PER_ADDRESS": "300", "SIMSIM_FAILURES_PER_USERNAME": "3000"}


@pytest.mark.covers("R16", "R17")
@pytest.mark.timeout(600)
def test_flood_is_throttled_and_counted_and_a_valid_token_always_passes(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ON_POSTGRESQL, settings=LIMITS)
    try:
        found = flood(stack, attempts=6000, addresses=5, connections=8, quiet_seconds=0.1)
    finally:
        stack.stop()
    assert set(found.attempts) == {"401", "429"}
    assert set(found.flooded.statuses) == {"204"}
    assert found.rows + found.counted == 6000 + WARMUP, "each attempt is in the log or counted, those before included"
    assert found.rows < found.counted
