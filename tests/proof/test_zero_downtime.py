"""At 500 requests a second for a minute, a reload, a new certificate and an upgrade cost no request.

Not part of `make test`: `make proof` runs it, and docs/proof.md holds its figures.
"""

import os
import time
from pathlib import Path

import pytest

from stack import started
from upgrades import LandedStack, UpgradedStack, load_during_upgrade, prove_nothing_lost

pytestmark = pytest.mark.timeout(600)
RATE, SECONDS = 500, 60
# The first version that can reload; a later one can be named.
LANDED = os.environ.get("SIMSIM_TEST_UPGRADE_FROM", "8600f9c")
ON = pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])


@ON
def test_no_request_is_lost_by_reload_certificate_and_upgrade(tmp_path: Path, on_postgresql: bool) -> None:
    prove_upgrade(UpgradedStack(tmp_path, on_postgresql))


@ON
def test_no_request_is_lost_by_an_upgrade_from_the_landed_version(tmp_path: Path, on_postgresql: bool) -> None:
    stack = LandedStack(tmp_path, on_postgresql)
    stack.commit = LANDED
    prove_upgrade(stack)
    print(f"from {LANDED}: " + ", ".join(step["migration"] for step in stack.planned["steps"]))


def prove_upgrade(stack: UpgradedStack) -> None:
    with started(stack):
        begin = time.monotonic()
        ends = iter((10, 25, 35, SECONDS))

        def pause() -> None:
            time.sleep(max(1.0, begin + next(ends) - time.monotonic()))

        load = load_during_upgrade(stack, rate=RATE, pause=pause, reloads_first=True)
        seconds = max(each.ended_at for each in load.sent) - begin
        stack.wait_until(lambda: stack.codes().keys() == {"after"}, "the new code runs")
        rate = len(load.sent) / seconds
        print(f"{len(load.sent)} requests, {rate:.0f}/s, {len(load.failures())} failed, "
              f"slowest {load.slowest_seconds:.2f} s")  # fmt: skip
        prove_nothing_lost(stack, load)
        assert rate > 0.8 * RATE
