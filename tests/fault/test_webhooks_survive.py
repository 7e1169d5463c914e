"""Workers are killed while they send, and the receiver fails, hangs and dies: every event arrives."""

from pathlib import Path

import pytest

from settings_for_tests import ON_POSTGRESQL
from webhook_endurance import Endurance

EVENTS = 300


@pytest.mark.covers("B20", "B11")
def test_every_event_arrives_with_one_id_although_workers_and_the_receiver_die(tmp_path: Path) -> None:
    endurance = Endurance(tmp_path, on_postgresql=ON_POSTGRESQL, factor=240.0)
    try:
        endurance.owe(EVENTS)
        endurance.endure(workers=2, kills=3, receiver_deaths=2, seconds=90)
    finally:
        endurance.stop()
    endurance.prove_none_lost(EVENTS)
    assert len(endurance.receiver.asked) > EVENTS * 1.2, "the receiver failed too seldom"
