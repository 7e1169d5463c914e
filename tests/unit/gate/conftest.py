"""Fixtures of the gate's tests: a database, a spool, and a gate between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_database import Database
from simsim.gate.app import Gate
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "simsim #1?.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "spool"
    directory.mkdir()
    return directory


@pytest.fixture
def gate(database: Database, spool_dir: Path) -> Iterator[Gate]:
    opened = Gate(SqliteLookup(database.path), Spool(spool_dir))
    yield opened
    opened.close()
