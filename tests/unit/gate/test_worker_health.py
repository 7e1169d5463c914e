"""`/readyz` tells how the node's worker is, and takes nothing out of service for it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gate_database import Database
from simsim.gate.app import READYZ, Gate
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool
from simsim.gate.worker_health import FILE_NAME, WorkerHealth, read_worker_health

NOW = 1_795_000_000.0


def say(spool_dir: Path, text: str, *, seconds_ago: float = 0.0) -> None:
    path = spool_dir / FILE_NAME
    path.write_text(text)
    os.utime(path, (NOW - seconds_ago, NOW - seconds_ago))


@pytest.mark.covers("B11")
def test_dead_worker_degrades_readiness_without_ending_it(database: Database, spool_dir: Path) -> None:
    gate = Gate(
        SqliteLookup(database.path), Spool(spool_dir), clock=lambda: NOW,
        worker_health=lambda now: read_worker_health(spool_dir, now),
    )  # fmt: skip

    def ready() -> Any:
        status, _, body = gate.answer(READYZ, "GET")
        assert status == 200
        return json.loads(body)

    nobody: dict[str, Any] = {"ok": False, "last_round_seconds": None, "failing": []}
    assert ready() == {"status": "degraded", "worker": nobody}
    say(spool_dir, '{"failing": []}', seconds_ago=3)
    assert ready() == {"status": "ok", "worker": {"ok": True, "last_round_seconds": 3.0, "failing": []}}
    say(spool_dir, '{"failing": []}', seconds_ago=24 * 60)
    assert ready() == {"status": "degraded", "worker": {"ok": False, "last_round_seconds": 1440.0, "failing": []}}
    say(spool_dir, '{"failing": ["mail 1"]}')
    assert ready()["worker"] == {"ok": False, "last_round_seconds": 0.0, "failing": ["mail 1"]}
    gate.close()


def test_gate_that_is_told_of_no_worker_says_so(gate: Gate) -> None:
    assert json.loads(gate.answer(READYZ, "GET").body)["worker"]["last_round_seconds"] is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"failing": 7}', "\udcff"])
def test_file_that_can_not_be_read_tells_of_no_worker(spool_dir: Path, text: str) -> None:
    (spool_dir / FILE_NAME).write_bytes(text.encode(errors="surrogateescape"))
    assert read_worker_health(spool_dir, NOW) == WorkerHealth(None)
