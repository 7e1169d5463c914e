"""A decision stays the same until the next turn of its record, for any record."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.decision import Credentials, Record, decide, next_turn

START = datetime(2026, 11, 24, tzinfo=UTC)
moments = st.integers(0, 40).map(lambda ticks: START + timedelta(microseconds=ticks))
records = st.builds(
    lambda expires_at, revoked, superseded_at, paused, paused_until: Record(
        "token", "account", "name", bytes(32), expires_at, revoked, b"", superseded_at, False, paused, paused_until
    ),
    moments, st.booleans(), st.none() | moments, st.booleans(), st.none() | moments,
)  # fmt: skip


@pytest.mark.covers("R5", "R15", "B13")
@given(records, moments, moments)
def test_no_verdict_changes_before_its_turn(record: Record, now: datetime, later: datetime) -> None:
    credentials = Credentials("account", bytes(32))
    turn = next_turn(record, now)
    assert turn is None or turn > now
    if later >= now and (turn is None or later < turn):
        before, after = (decide(credentials, record, address=None, now=moment) for moment in (now, later))
        assert before == after


def test_missing_record_never_turns() -> None:
    assert next_turn(None, START) is None
