"""A PostgreSQL primary is killed under load, and a synchronous standby takes over; see also `tests/proof`."""

from pathlib import Path

import pytest

from failover import fail_over, prove_nothing_lost, replicated

# The servers are of this test alone.
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600), pytest.mark.covers("R13", "B1", "B11")]


@pytest.mark.parametrize("through_a_pooler", [False, True], ids=["list of servers", "PgBouncer"])
def test_nothing_acknowledged_is_lost_when_the_primary_dies(tmp_path: Path, through_a_pooler: bool) -> None:
    with replicated(tmp_path, through_a_pooler=through_a_pooler) as (stack, address):
        found = fail_over(stack, address, rate=60, creations=4, seconds=3)
        assert found.load.failures(), "the primary was not needed"
        prove_nothing_lost(stack, found)
        assert sum(each.wanted == 404 and each.got == "404" for each in found.load.sent[-60:]) > 30
