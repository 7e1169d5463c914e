"""An unsafe SQLite stops an installation that has files of SQLite, and no other."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql_server import free_port
from stack import BIN, Stack, settled, started

pytestmark = [pytest.mark.covers("B11"), pytest.mark.any_database, pytest.mark.timeout(600)]
REFUSAL = "simsim: SQLite 3.40.1 from the system can corrupt databases: install the package pysqlite3, or SQLite 3.51.3"


def with_unsafe_sqlite(directory: Path, *, on_postgresql: bool) -> Stack:
    """Return an installation on a machine whose only SQLite is the system's, which has the bug."""
    (directory / "pysqlite3.py").write_text("raise ImportError\n", encoding="utf-8")
    code = "import sqlite3\nsqlite3.sqlite_version_info = (3, 40, 1)\n"
    (directory / "sitecustomize.py").write_text(code, encoding="utf-8")
    return Stack(directory, on_postgresql, settings={"PYTHONPATH": str(directory)})


@pytest.fixture
def on_files(tmp_path: Path) -> Stack:
    return with_unsafe_sqlite(tmp_path, on_postgresql=False)


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[Stack]:
    with started(with_unsafe_sqlite(tmp_path, on_postgresql=True), is_served_only=True) as stack:
        yield stack


def refusal(stack: Stack, *arguments: str, **settings: str) -> str:
    """Return the line with which the command line refuses; a new interpreter must start, because it has that SQLite."""
    done = subprocess.run(
        [BIN / "simsim", *arguments],
        env=stack.environment | settings, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    return done.stderr


def sqlite_finding(stack: Stack) -> tuple[bool, str]:
    """Return what doctor says of SQLite; other findings may make it fail."""
    done = subprocess.run(
        [BIN / "simsim", "doctor", "--json"], env=stack.environment, capture_output=True, text=True, check=False
    )
    (found,) = [finding for finding in json.loads(done.stdout)["items"] if finding["subject"] == "SQLite"]
    return found["ok"], found["detail"]


def test_unsafe_sqlite_stops_serve_and_worker_and_is_told_by_doctor(on_files: Stack) -> None:
    on_files.copy(settled(on_postgresql=False))
    for verb in (("serve", "--port", str(free_port())), ("worker",)):
        assert refusal(on_files, *verb).startswith(REFUSAL)
    is_good, detail = sqlite_finding(on_files)
    assert not is_good
    assert "can corrupt databases" in detail


def test_unsafe_sqlite_stops_nothing_where_all_is_in_postgresql(on_postgresql: Stack) -> None:
    on_postgresql.start_worker()
    on_postgresql.wait_until((on_postgresql.data / "spool" / ".worker").is_file, "the worker has its first round")
    assert sqlite_finding(on_postgresql) == (True, "not used: every database is on PostgreSQL")
    # A log in a file of SQLite is in danger all the same.
    log_in_a_file = {"SIMSIM_LOG_DATABASE_URL": f"sqlite:///{on_postgresql.directory}/log.sqlite3"}
    refused = refusal(on_postgresql, "serve", "--port", str(free_port()), **log_in_a_file)
    assert refused.startswith(REFUSAL)
