"""The lookup on SQLite: it reads the current row of the file that is at the path now."""

import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate_database import ACME, Database
from simsim.credential.digest import digest
from simsim.gate.lookup import Lookup, Unavailable
from simsim.gate.lookup_sqlite import FILE_CHECK_SECONDS, SqliteLookup


@pytest.fixture
def lookup(database: Database) -> Iterator[Lookup]:
    opened = SqliteLookup(database.path)
    yield opened
    opened.close()


def name_of(lookup: Lookup, password: str) -> str | None:
    record = lookup.find(digest(password))
    return None if record is None else record.name


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.covers("R15")
def test_record_holds_the_columns_of_the_row(database: Database, lookup: Lookup) -> None:
    expires = datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    password = database.add(name="Ü 💶", expires_at=expires, allow=("203.0.113.0/24",), works_until=expires)
    record = lookup.find(digest(password))
    assert record is not None
    assert (record.account_id, record.name, record.digest) == (str(ACME), "Ü 💶", digest(password))
    assert str(uuid.UUID(record.token_id)) == record.token_id
    assert (record.expires_at, record.superseded_at, record.revoked) == (expires, expires, False)
    assert len(record.allowlist) == 34
    database.change(password, revoked_at="2026-01-01 00:00:00", works_until=None, expires_at="2027-01-01 00:00:00")
    record = lookup.find(digest(password))
    assert record is not None
    assert (record.revoked, record.superseded_at, record.allowlist[0]) == (True, None, 4)
    assert record.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.covers("R15")
def test_unknown_digest_is_none(database: Database, lookup: Lookup) -> None:
    database.add()
    assert lookup.find(bytes(32)) is None


@pytest.mark.covers("R13", "B1")
def test_each_lookup_sees_what_was_committed_before_it(database: Database, lookup: Lookup) -> None:
    password = database.add()
    for number in range(200):
        database.change(password, name=str(number))
        assert name_of(lookup, password) == str(number)


@pytest.mark.covers("R13")
def test_no_snapshot_stays_open_between_two_lookups(database: Database, lookup: Lookup) -> None:
    password = database.add()
    name_of(lookup, password)
    name_of(lookup, "nobody's")
    database.change(password, name="later")
    # A reader's snapshot would keep the write-ahead log from being reset.
    busy, log, done = database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log, done) == (0, 0, 0)


@pytest.mark.covers("R13", "B1")
def test_replaced_file_is_read_no_longer(database: Database, lookup: Lookup, tmp_path: Path) -> None:
    password = database.add(name="before")
    assert name_of(lookup, password) == "before"
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    restored = tmp_path / "restored"
    database.connection.execute("VACUUM INTO ?", (str(restored),))
    with sqlite3.connect(restored, isolation_level=None) as other:
        other.execute("UPDATE token SET name = 'after'")
    other.close()
    restored.replace(database.path)
    time.sleep(FILE_CHECK_SECONDS)
    assert name_of(lookup, password) == "after"


@pytest.mark.covers("R13", "B1")
def test_removed_file_is_unavailable_and_is_not_created(database: Database, lookup: Lookup) -> None:
    password = database.add()
    assert name_of(lookup, password) is not None
    database.path.rename(database.path.with_suffix(".away"))
    time.sleep(FILE_CHECK_SECONDS)
    for _ in range(2):
        with pytest.raises(Unavailable, match="No such file"):
            lookup.find(digest(password))
    assert not database.path.exists()
    database.path.with_suffix(".away").rename(database.path)
    assert name_of(lookup, password) is not None


@pytest.mark.covers("R15")
def test_file_is_kept_open_while_it_is_the_same(database: Database, lookup: Lookup) -> None:
    password = database.add()
    assert name_of(lookup, password) is not None
    before = open_files()
    time.sleep(FILE_CHECK_SECONDS)
    assert name_of(lookup, password) is not None
    assert open_files() == before


def test_lookup_cannot_write(database: Database, tmp_path: Path) -> None:
    lookup = SqliteLookup(database.path)
    lookup.find(bytes(32))
    cursor = lookup._cursor
    assert cursor is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        cursor.execute("DELETE FROM token")
    lookup.close()


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_file_of_another_kind_is_unavailable_and_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    lookup = SqliteLookup(path)
    with pytest.raises(Unavailable, match="SQLite"):
        lookup.find(bytes(32))
    assert path.read_bytes() == content


def test_locked_database_is_unavailable_within_a_second(database: Database) -> None:
    database.connection.execute("PRAGMA journal_mode = DELETE")
    database.connection.execute("BEGIN EXCLUSIVE")
    lookup = SqliteLookup(database.path)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="locked"):
        lookup.find(bytes(32))
    assert time.monotonic() - began < 1
    lookup.close()


@pytest.mark.covers("R15")
def test_password_of_two_tokens_is_no_decision(database: Database, lookup: Lookup) -> None:
    password = database.add()
    database.connection.execute("INSERT INTO token SELECT * FROM token")
    with pytest.raises(ValueError, match="too many values"):
        lookup.find(digest(password))


@pytest.mark.covers("B11")
def test_forked_child_opens_the_file_itself(database: Database, lookup: Lookup) -> None:
    password = database.add()
    assert name_of(lookup, password) == "Warehouse"
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if name_of(lookup, password) == "Warehouse" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    database.change(password, expires_at=str(datetime.now(UTC).replace(tzinfo=None) + timedelta(1)), name="later")
    assert name_of(lookup, password) == "later"
