"""Two hundred thousand schedules of the gate in a modelled database: no answer is stale, and nobody is left waiting."""

import os
import random

import pytest

from shared_look_model import Play, World, random_schedule

SCHEDULES = int(os.environ.get("SIMSIM_TEST_SCHEDULES", "200000"))


@pytest.mark.timeout(3600)
def test_no_schedule_gives_a_stale_answer() -> None:
    chance = random.Random(2)
    for _ in range(SCHEDULES):
        Play(World()).run(random_schedule(chance, chance.randrange(20, 120)))
