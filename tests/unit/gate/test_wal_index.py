"""The gate's memory of the database ends with the next commit."""

import mmap
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_database import Database, basic
from simsim.credential.digest import digest
from simsim.credential.password import mint
from simsim.gate import verdict, wal_index
from simsim.gate.answer import TOKEN_NAME_HEADER
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import FILE_CHECK_SECONDS, SqliteLookup
from simsim.gate.spool import Spool
from simsim.gate.verdict import MAX_AUTHORIZATION_BYTES
from simsim.gate.wal_index import HEADER_BYTES, WalIndex, open_wal_index

COMMITS = 20_000
# If fewer names than this were seen during the writes, the two processes hardly ran at the same time.
A_RACE = 10
WRITER = """
    import mmap, sqlite3, sys
    path, counter, commits = sys.argv[1], open(sys.argv[2], "r+b"), int(sys.argv[3])
    memory = mmap.mmap(counter.fileno(), 8)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("PRAGMA synchronous = OFF")
    # The log restarts every few commits, as it does under load.
    connection.execute("PRAGMA wal_autocheckpoint = 5")
    for number in range(1, commits + 1):
        connection.execute("UPDATE token SET name = ?", (str(number),))
        memory[:8] = number.to_bytes(8, "little")
"""
LOCKER = """
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
    connection.execute("BEGIN IMMEDIATE")
"""


@pytest.fixture
def lookup(database: Database) -> Iterator[SqliteLookup]:
    opened = SqliteLookup(database.path)
    yield opened
    opened.close()


@pytest.fixture
def gate(lookup: SqliteLookup, spool_dir: Path) -> Iterator[Gate]:
    opened = Gate(lookup, Spool(spool_dir))
    yield opened
    opened.close()


def name_of(gate: Gate, password: str) -> str | None:
    """Return the name of the token that the gate lets in, None when it refuses."""
    return dict(gate.verify(asked(basic(password))).headers).get(TOKEN_NAME_HEADER.lower())


def asked(*authorization: bytes, address: str = "203.0.113.9") -> Request:
    return Request("", "GET", VERIFY, authorization, [address], "0123456789abcdef" * 2)


def statements_of(lookup: SqliteLookup) -> list[str]:
    """Return a list to which every statement of the lookup's connection is added from now on."""
    statements: list[str] = []
    assert lookup._cursor is not None
    lookup._cursor.connection.set_trace_callback(statements.append)
    return statements


def run(program: str, *arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


@pytest.mark.covers("R13", "R15")
def test_row_is_read_once_for_each_commit(database: Database, lookup: SqliteLookup, gate: Gate) -> None:
    password, nobodys = database.add(name="first"), mint()
    assert name_of(gate, password) == "first"
    statements = statements_of(lookup)
    for _ in range(3):
        assert name_of(gate, password) == "first"
        assert name_of(gate, nobodys) is None
    assert len(statements) == 2
    database.change(password, name="second")
    for _ in range(3):
        assert name_of(gate, password) == "second"
    assert len(statements) == 3


@pytest.mark.covers("R13", "B1")
def test_completed_revocation_is_seen_by_the_next_look_of_another_process(
    database: Database, gate: Gate, tmp_path: Path
) -> None:
    password, seen, stale = database.add(name="0"), set(), 0
    counter = tmp_path / "counter"
    counter.write_bytes(bytes(8))
    with counter.open("rb") as file, mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as committed:
        writer = run(WRITER, database.path, counter, COMMITS)
        while writer.poll() is None:
            returned = int.from_bytes(committed[:8], "little")
            name = int(name_of(gate, password) or "-1")
            stale += name < returned
            seen.add(name)
    assert (writer.communicate()[1], stale) == (b"", 0)
    assert len(seen) > A_RACE
    assert name_of(gate, password) == str(COMMITS)


@pytest.mark.covers("R13", "B1")
def test_token_that_was_unknown_opens_once_it_is_committed(database: Database, gate: Gate) -> None:
    password = database.add()
    database.change(password, digest=bytes(32))
    assert name_of(gate, password) is None
    database.connection.execute("UPDATE token SET digest = ?", (digest(password),))
    assert name_of(gate, password) == "Warehouse"


@pytest.mark.covers("R13")
def test_change_after_a_restart_of_the_write_ahead_log_is_seen(database: Database, gate: Gate) -> None:
    password = database.add()
    for number in range(20):
        assert name_of(gate, password) is not None
        assert database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        database.change(password, name=str(number))
        assert name_of(gate, password) == str(number)


@pytest.mark.covers("R13")
def test_rolled_back_change_is_not_seen(database: Database, gate: Gate) -> None:
    password = database.add(name="kept")
    assert name_of(gate, password) == "kept"
    database.connection.execute("BEGIN")
    database.change(password, name="never")
    assert name_of(gate, password) == "kept"
    database.connection.execute("ROLLBACK")
    assert name_of(gate, password) == "kept"


@pytest.mark.covers("R13")
def test_without_a_write_ahead_log_every_look_asks_the_database(
    database: Database, lookup: SqliteLookup, gate: Gate
) -> None:
    password = database.add()
    database.connection.execute("PRAGMA journal_mode = DELETE")
    assert name_of(gate, password) is not None
    statements = statements_of(lookup)
    for number in range(3):
        database.change(password, name=str(number))
        assert name_of(gate, password) == str(number)
    assert len(statements) == 3


@pytest.mark.covers("R13")
def test_nobody_leaves_the_write_ahead_log_while_the_gate_is_there(database: Database, lookup: SqliteLookup) -> None:
    lookup.find(bytes(32))
    database.connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        database.connection.execute("PRAGMA journal_mode = DELETE")


@pytest.mark.covers("R13")
def test_index_beside_a_symbolic_link_is_not_mistaken_for_the_databases(
    database: Database, spool_dir: Path, tmp_path: Path
) -> None:
    password = database.add()
    link = tmp_path / "link"
    link.symlink_to(database.path)
    (tmp_path / "link-shm").write_bytes(bytes(32768))
    gate = Gate(SqliteLookup(link), Spool(spool_dir))
    for number in range(3):
        database.change(password, name=str(number))
        assert name_of(gate, password) == str(number)
    gate.close()


@pytest.mark.covers("R13")
@pytest.mark.parametrize("is_made_again", [False, True])
def test_removed_index_is_no_longer_watched(
    database: Database, lookup: SqliteLookup, gate: Gate, *, is_made_again: bool
) -> None:
    password = database.add()
    assert name_of(gate, password) is not None
    first = lookup._cursor
    index = Path(f"{database.path}-shm")
    database.close()
    index.rename(index.with_suffix(".away"))
    if is_made_again:
        index.write_bytes(bytes(32768))
    time.sleep(FILE_CHECK_SECONDS)
    assert name_of(gate, password) is not None
    assert lookup._cursor is not first


def test_database_whose_index_cannot_be_read_is_asked_every_time(
    database: Database, lookup: SqliteLookup, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(wal_index, "_mapped_file", refuse)
    password = database.add()
    name_of(gate, password)
    statements = statements_of(lookup)
    assert [name_of(gate, password) for _ in range(3)] == ["Warehouse"] * 3
    assert len(statements) == 3


@pytest.mark.covers("R13")
def test_nothing_is_remembered_under_a_header_that_is_being_written(
    database: Database, lookup: SqliteLookup, gate: Gate
) -> None:
    password = database.add()
    lookup.find(bytes(32))
    memory = mmap.mmap(-1, HEADER_BYTES)
    lookup._wal_index = WalIndex(database.path, wal_index.identity_of(database.path), memory)
    memory[0] = 1
    assert lookup._wal_index.header() is None
    statements = statements_of(lookup)
    assert [name_of(gate, password) for _ in range(3)] == ["Warehouse"] * 3
    assert len(statements) == 3
    memory[HEADER_BYTES // 2] = 1
    assert lookup._wal_index.header() == memory[:]
    assert [name_of(gate, password) for _ in range(3)] == ["Warehouse"] * 3
    assert len(statements) == 4


@pytest.mark.covers("B11")
def test_closing_the_lookup_costs_no_other_connection_its_lock(database: Database, lookup: SqliteLookup) -> None:
    # POSIX drops all of a process's locks on a file when any of its descriptors is closed.
    database.connection.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        lookup.find(bytes(32))
        lookup.close()
    other = run(LOCKER, database.path)
    _, complaint = other.communicate(timeout=30)
    assert b"database is locked" in complaint
    database.connection.execute("ROLLBACK")


def test_indexes_of_deleted_databases_are_closed(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        database = Database(tmp_path / str(number))
        lookup = SqliteLookup(database.path)
        lookup.find(bytes(32))
        database.close()
        lookup.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_memory_is_bounded_for_any_requests(database: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "MAX_VERDICTS", 10)
    password = database.add()
    for number in range(100):
        assert name_of(gate, mint()) is None
        assert gate.verify(asked(basic(password), address=f"203.0.113.{number}")).status == 204
        assert gate.verify(asked(b"x" * (MAX_AUTHORIZATION_BYTES + number))).status == 401
        assert gate.verify(asked(b"x", str(number).encode())).status == 401
        assert len(gate._verdicts._known) <= 10


def test_index_is_none_where_the_database_has_none() -> None:
    connection = sqlite3.connect(":memory:")
    assert open_wal_index(connection) is None
    connection.close()


@pytest.mark.covers("R13")
def test_readiness_asks_the_database_itself(database: Database, lookup: SqliteLookup, tmp_path: Path) -> None:
    gate = Gate(lookup, Spool(tmp_path))
    assert gate.is_ready()
    statements = statements_of(lookup)
    assert gate.is_ready()
    assert len(statements) == 1
    gate.close()
