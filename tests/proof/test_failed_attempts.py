"""A million failed attempts from a hundred thousand addresses, at full speed."""

from pathlib import Path

import pytest

from failed_attempts import WARMUP, Caller, flood
from stack import Stack

LIMITS = {"SIMSIM_FAILURES_PER_ADDRESS": "300", "SIMSIM_FAILURES_PER_USERNAME": "3000"}
MEGABYTE = 1_000_000
ATTEMPTS, ADDRESSES, CONNECTIONS = 1_000_000, 100_000, 16


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_million_attempts_cost_little_and_a_valid_token_hardly_waits(tmp_path: Path, on_postgresql: bool) -> None:
    stack = Stack(tmp_path, on_postgresql, settings=LIMITS)
    try:
        found = flood(stack, attempts=ATTEMPTS, addresses=ADDRESSES, connections=CONNECTIONS, quiet_seconds=30)
    finally:
        stack.stop()
    print(f"{dict(found.attempts)} in {found.seconds:.0f} s; {found.rows:,} rows, {found.counted:,} counted")
    print(f"memory {found.memory_bytes / MEGABYTE:+.1f} MB, database {found.database_bytes / MEGABYTE:+.1f} MB")
    print(f"beside {found.caller_bytes / MEGABYTE:.1f} MB for {len(found.flooded.seconds):,} requests of the caller")
    print(
        f"spool at most {found.spool_bytes / MEGABYTE:.1f} MB; quiet {told(found.quiet)}; flooded {told(found.flooded)}"
    )
    assert set(found.flooded.statuses) == {"204"}
    assert found.rows + found.counted == ATTEMPTS + WARMUP
    assert found.memory_bytes < 50 * MEGABYTE
    assert found.database_bytes < 10 * MEGABYTE
    assert found.spool_bytes < 16 * MEGABYTE  # what waits for the worker, the lines of the caller too
    assert found.flooded.percentile(0.99) < 3 * found.quiet.percentile(0.99)


def told(caller: Caller) -> str:
    return ", ".join(f"p{share * 100:g} {caller.percentile(share) * 1000:.2f} ms" for share in (0.5, 0.99))
