"""How long a refusal takes does not tell its reason. `tests/proof/test_refusal_times.py` shows it in full size."""

import time
from functools import partial
from pathlib import Path

import pytest

from gate_database import Database
from refusal_times import MAX_MEDIAN_DIFFERENCE, measure, medians_differ_by, refused_credentials
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.spool import Spool

ATTEMPTS = 3


@pytest.mark.covers("R16")
@pytest.mark.parametrize("limits", [None, FailureLimits()], ids=["401", "429"])
def test_reasons_take_equally_long(database: Database, spool_dir: Path, limits: FailureLimits | None) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), limits=limits)
    gate.is_ready()
    ask = {
        kind: [
            partial(gate.verify, Request("", "GET", VERIFY, [value], ["203.0.113.9"], "0123456789abcdef" * 2))
            for value in values
        ]
        for kind, values in refused_credentials(database).items()
    }
    # Of processor time; what other programs leave in the caches may still spoil one measurement.
    differences: list[float] = []
    while not differences or (min(differences) >= MAX_MEDIAN_DIFFERENCE and len(differences) < ATTEMPTS):
        differences.append(medians_differ_by(measure(ask, 1000, time.thread_time_ns)))
    gate.close()
    assert min(differences) < MAX_MEDIAN_DIFFERENCE
