"""Ten thousand webhooks to a receiver that fails, hangs and dies, with workers killed meanwhile."""

import time
from pathlib import Path

import pytest

from settings_for_tests import ON_POSTGRESQL
from webhook_endurance import Endurance

EVENTS = 10_000
# Less than the two days of the workers' clock, after which they give an event up: see `webhook_endurance.FACTOR`.
MAX_SECONDS = 2700


@pytest.mark.timeout(MAX_SECONDS + 100)
def test_ten_thousand_events_arrive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endurance = Endurance(tmp_path, on_postgresql=ON_POSTGRESQL)
    began = time.monotonic()
    try:
        endurance.owe(EVENTS)
        endurance.endure(workers=2, kills=20, receiver_deaths=2, seconds=MAX_SECONDS)
    finally:
        endurance.stop()
    endurance.prove_none_lost(EVENTS)
    took, asked = time.monotonic() - began, len(endurance.receiver.asked)
    repeated = sum(1 for times in endurance.receiver.taken.values() if times > 1)
    with capsys.disabled():
        print(f"\n{EVENTS} events, {asked} requests, {repeated} taken twice or more, none lost, {took:.0f} s")
