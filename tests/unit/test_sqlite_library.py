"""Every process uses a SQLite that can't corrupt a database, or does not start."""

import contextlib
import dataclasses
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from simsim import sqlite_library
from simsim.config import environment
from simsim.config.settings import sqlite
from simsim.health.doctor import checks
from simsim.operations.command_line import run
from simsim.problem import Unusable
from verbs import WIRING

pytestmark = pytest.mark.covers("B11")


@pytest.mark.parametrize(
    ("version", "is_fixed"),
    [
        ((3, 7, 0), False), ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 50, 6), False),
        ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 53, 4), True), ((4, 0, 0), True),
    ],
)  # fmt: skip
def test_version_is_safe_only_with_the_fix(version: tuple[int, ...], is_fixed: bool) -> None:
    assert sqlite_library.is_fixed(version) == is_fixed


def test_this_process_uses_the_carried_library() -> None:
    assert sqlite_library.in_use().source == sqlite_library.CARRIED
    sqlite_library.prove_safe()


@pytest.mark.parametrize(
    "first", ["sqlite3", "sqlite3.dbapi2", "django.db.backends.sqlite3.base", "simsim.gate.lookup_sqlite"]
)
def test_whatever_is_imported_first_finds_the_carried_library(first: str) -> None:
    code = f"""
import simsim, importlib, sys
importlib.import_module({first!r})
import sqlite3
print(sqlite3.connect(":memory:").execute("SELECT sqlite_version()").fetchone()[0], "_sqlite3" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, has_system_library = done.stdout.split()
    assert sqlite_library.is_fixed(tuple(map(int, version.split("."))))
    assert has_system_library == "False", "two copies of SQLite would drop each other's locks"


def without_the_package(directory: Path) -> dict[str, str]:
    """Return an environment in which the package pysqlite3 can't be imported."""
    (directory / "pysqlite3.py").write_text("raise ImportError\n", encoding="utf-8")
    return {"PYTHONPATH": str(directory), "PATH": "", "SIMSIM_DATA_DIR": str(directory / "data")}


def test_unsafe_system_library_is_named_in_one_line(tmp_path: Path) -> None:
    code = """
import simsim, sqlite3
from simsim import sqlite_library
sqlite3.sqlite_version_info = (3, 40, 1)
try:
    sqlite_library.prove_safe()
except Exception as problem:
    print(type(problem).__name__, problem)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=without_the_package(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{Unusable.__name__} SQLite 3.40.1 from the system can corrupt databases")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("verb", ["serve", "worker"])
def test_unsafe_library_stops_serve_and_the_worker(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def began(*_arguments: object) -> None:
        raise AssertionError("the worker began")

    monkeypatch.setattr(signal, "pthread_sigmask", began)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    assert run([verb], wiring=dataclasses.replace(WIRING, operator=environment.read)) == 1
    line = capsys.readouterr().err
    assert line.startswith("simsim: SQLite 3.40.1 from pysqlite3 can corrupt databases")
    assert line.count("\n") == 1


@pytest.mark.parametrize(("version", "is_good"), [((3, 40, 1), False), ((3, 51, 3), True)])
def test_doctor_names_the_version_and_its_verdict(
    version: tuple[int, ...], is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    (finding,) = checks.sqlite()
    assert finding.is_good is is_good
    assert finding.detail.startswith(".".join(map(str, version)))
    assert ("can corrupt databases" in finding.detail) is not is_good


def test_deleted_secret_is_overwritten_in_the_file(tmp_path: Path) -> None:
    path, secret = tmp_path / "simsim.sqlite3", b"a sealed password that nobody needs any more"
    path.touch()
    database = sqlite(path, "FULL")
    with contextlib.closing(sqlite3.connect(database["NAME"], uri=True, isolation_level=None)) as connection:
        connection.executescript(database["OPTIONS"]["init_command"])
        connection.execute("CREATE TABLE kept (secret BLOB)")
        for statement, is_there in (
            ("INSERT INTO kept VALUES (?1)", True),
            ("DELETE FROM kept WHERE secret = ?1", False),
        ):
            connection.execute(statement, (secret,))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert (secret in path.read_bytes()) is is_there
