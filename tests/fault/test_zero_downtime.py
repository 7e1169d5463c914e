"""Under load, a reload, a new certificate and an upgrade cost no request; `tests/proof` has the full size."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import started
from upgrades import UpgradedStack, load_during_upgrade, prove_nothing_lost

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[UpgradedStack]:
    with started(UpgradedStack(tmp_path, on_postgresql=False)) as stack:
        yield stack


@pytest.mark.any_database
@pytest.mark.covers("B11", "R17")
def test_no_request_is_lost_by_reload_certificate_and_upgrade(stack: UpgradedStack) -> None:
    load = load_during_upgrade(stack, rate=100, pause=lambda: time.sleep(0.3))
    assert len(load.sent) > 500
    # Every process runs the new code, in front of the new schema.
    stack.wait_until(lambda: stack.codes().keys() == {"after"}, "the new code runs")
    prove_nothing_lost(stack, load)
    (planned,) = stack.planned["steps"]
    assert (planned["migration"], planned["runs_beside"]) == ("tokens.0999_colour", True)
    assert planned["does"] == ["A table and a column that the code before does not know"]
