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

    silent: dict[str, Any] = {"oldest_unshipped_seconds": None, "oldest_mail_seconds": None, "failing": []}
    nobody = {"ok": False, "last_round_seconds": None, **silent}
    assert ready() == {"status": "degraded", "worker": nobody, "other_nodes": []}
    say(spool_dir, '{"failing": []}', seconds_ago=3)
    good = {"ok": True, "last_round_seconds": 3.0, **silent}
    assert ready() == {"status": "ok", "worker": good, "other_nodes": []}
    say(spool_dir, '{"failing": []}', seconds_ago=24 * 60)
    dead = {"ok": False, "last_round_seconds": 1440.0, **silent}
    assert ready() == {"status": "degraded", "worker": dead, "other_nodes": []}
    say(spool_dir, '{"failing": ["mail 1"]}')
    assert ready()["worker"] == {"ok": False, "last_round_seconds": 0.0, **silent, "failing": ["mail 1"]}
    gate.close()


def test_gate_that_is_told_of_no_worker_says_so(gate: Gate) -> None:
    assert json.loads(gate.answer(READYZ, "GET").body)["worker"]["last_round_seconds"] is None


@pytest.mark.covers("B11")
def test_lines_that_a_dead_worker_left_unshipped_are_seen_without_it(spool_dir: Path) -> None:
    def line(seconds_ago: float) -> str:
        return f'{{"id":"{"0" * 32}","at":{NOW - seconds_ago:.6f},"path":"/"}}\n'

    def oldest(shipped: dict[str, int] | None) -> float | None:
        say(spool_dir, json.dumps({"failing": [], "shipped": shipped}), seconds_ago=1)
        return read_worker_health(spool_dir, NOW).oldest_unshipped_seconds

    assert oldest({}) is None
    file = spool_dir / "gate-1.jsonl"
    file.write_text(line(90) + line(50))
    inode = str(file.stat().st_ino)
    assert oldest({inode: len(line(90))}) == 50.0
    assert read_worker_health(spool_dir, NOW).is_good
    assert oldest({}) == 90.0
    assert not read_worker_health(spool_dir, NOW).is_good
    assert oldest({inode: len(line(90) + line(50))}) is None
    assert oldest(None) is None, "no worker has said how far it has come"
    # The inode was another file's, which was longer.
    assert oldest({inode: 1_000_000}) == 90.0
    renamed = file.rename(spool_dir / "gateway-1.jsonl")
    assert oldest({inode: len(line(90))}) == 50.0
    renamed.write_text("no line of ours\n")
    os.utime(renamed, (NOW - 7, NOW - 7))
    assert oldest({}) == 7.0
    (spool_dir / "ends-1.jsonl").symlink_to(spool_dir / "gone")
    assert oldest({}) == 7.0


@pytest.mark.covers("B11")
def test_mails_and_other_nodes_are_told_by_their_age(spool_dir: Path) -> None:
    there = {"host": "api-2", "round_at": NOW - 12, "unshipped_since": NOW - 1}
    says = {"failing": [], "oldest_mail_at": NOW - 600, "other_nodes": [there, there | {"unshipped_since": None}]}
    say(spool_dir, json.dumps(says))
    found = read_worker_health(spool_dir, NOW)
    assert (found.oldest_mail_seconds, found.is_good) == (600.0, True)
    assert found.other_documents() == [
        {"host": "api-2", "last_round_seconds": 12.0, "oldest_unshipped_seconds": 1.0},
        {"host": "api-2", "last_round_seconds": 12.0, "oldest_unshipped_seconds": None},
    ]
    assert not read_worker_health(spool_dir, NOW + 301).is_good


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", '{"failing": 7}', "\udcff", '{"failing": [], "shipped": [1]}',
        '{"failing": [], "oldest_mail_at": "x"}', '{"failing": [], "other_nodes": [{}]}',
    ],
)  # fmt: skip
def test_file_that_can_not_be_read_tells_of_no_worker(spool_dir: Path, text: str) -> None:
    (spool_dir / FILE_NAME).write_bytes(text.encode(errors="surrogateescape"))
    (spool_dir / "gate-1.jsonl").write_text("a line\n")
    assert read_worker_health(spool_dir, NOW) == WorkerHealth(None)
