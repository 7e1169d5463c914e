"""A PostgreSQL primary is killed under load, and a synchronous standby takes over, in full size."""

from pathlib import Path

import pytest

from failover import fail_over, prove_nothing_lost, replicated

MAX_RECOVERY_SECONDS = 3


@pytest.mark.timeout(900)
@pytest.mark.parametrize("through_a_pooler", [False, True], ids=["list of servers", "PgBouncer"])
def test_nothing_acknowledged_is_lost_and_service_is_back_at_once(tmp_path: Path, through_a_pooler: bool) -> None:
    with replicated(tmp_path, through_a_pooler=through_a_pooler) as (stack, address):
        found = fail_over(stack, address, rate=500, creations=20, seconds=20)
        failed = len(found.load.failures())
        print(f"\n{len(found.load.sent):,} requests, {failed:,} not decided; {len(found.created)} tokens created, ")
        print(f"{len(found.revoked)} revoked; failover {found.outage_seconds:.1f} s, last failure ", end="")
        print(f"{found.recovery_seconds:.1f} s later")
        prove_nothing_lost(stack, found)
        assert found.recovery_seconds <= MAX_RECOVERY_SECONDS
