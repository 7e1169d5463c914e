"""Remembered verdicts: for the same credentials and address, while they still hold."""

import mmap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gate_database import GLOBEX, VIEW, Database, basic
from simsim.credential.allowlist import pack
from simsim.credential.decision import Record
from simsim.credential.password import mint
from simsim.gate import verdict
from simsim.gate.address import Located
from simsim.gate.answer import UNDECIDED
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.decided_line import Frame
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool
from simsim.gate.verdict import Verdict, Verdicts
from simsim.gate.wal_index import HEADER_BYTES, WalIndex, identity_of

START = datetime(2027, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
TRUSTED = pack([ip_network("10.0.0.0/8")])


class CountingLookup(SqliteLookup):
    """Counts how often the database is asked."""

    asked = 0

    def find(self, digest: bytes) -> Record | None:
        self.asked += 1
        return super().find(digest)


@pytest.fixture
def lookup(database: Database) -> CountingLookup:
    return CountingLookup(database.path)


@pytest.fixture
def now() -> list[datetime]:
    """The times of the gate's clock, the current one last."""
    return [START]


@pytest.fixture
def gate(lookup: CountingLookup, spool_dir: Path, now: list[datetime]) -> Iterator[Gate]:
    opened = Gate(lookup, Spool(spool_dir), TRUSTED, clock=lambda: now[-1].timestamp())  # noqa: PLW0108
    # A request that needs a row opens the database, and only verdicts reached after that are remembered.
    opened.is_ready()
    lookup.asked = 0
    yield opened
    opened.close()


def status(gate: Gate, value: bytes, *forwarded_for: str, peer: str = "10.0.0.1") -> int:
    return gate.verify(Request(peer, "GET", VERIFY, [value], forwarded_for)).status


@pytest.mark.covers("R5", "B2")
@pytest.mark.parametrize("column", ["expires_at", "works_until"])
def test_recalled_verdict_ends_to_the_microsecond(
    gate: Gate, database: Database, lookup: CountingLookup, now: list[datetime], column: str
) -> None:
    end = START + timedelta(hours=1, microseconds=1)
    value = basic(database.add(**{"expires_at": START + timedelta(days=9)} | {column: end}))  # type: ignore[arg-type]
    for moment, expected in (
        (START, 204), (end - 2 * TICK, 204), (end - TICK, 204), (end, 401), (end + timedelta(days=1), 401),
        (end - TICK, 204), (end, 401), (START, 204),
    ):  # fmt: skip
        now.append(moment)
        assert status(gate, value) == expected
    assert lookup.asked < 8


@pytest.mark.covers("R10", "R15")
def test_verdict_holds_for_one_address(gate: Gate, database: Database, lookup: CountingLookup) -> None:
    value = basic(database.add(allow=("203.0.113.0/24",), expires_at=START + timedelta(days=1)))
    for _ in range(2):
        assert status(gate, value, "203.0.113.9") == 204
        assert status(gate, value, "198.51.100.9") == 401
        assert status(gate, value, "203.0.113.9, 198.51.100.9") == 401
        assert status(gate, value, "203.0.113.9", peer="198.51.100.9") == 404
        assert status(gate, value, "198.51.100.9, 203.0.113.9", "10.9.9.9") == 204
        assert status(gate, value, "nowhere") == 401
    assert lookup.asked == 4


@pytest.mark.covers("R15")
def test_verdict_holds_for_one_username_and_password(gate: Gate, database: Database) -> None:
    password = database.add(expires_at=START + timedelta(days=1))
    for _ in range(2):
        assert status(gate, basic(password)) == 204
        assert status(gate, basic(password, GLOBEX)) == 401
        assert status(gate, basic(password) + b"=") == 401
        assert gate.verify(Request("10.0.0.1", "GET", VERIFY, [basic(password)] * 2, [])).status == 401


@pytest.mark.covers("R17")
def test_recalled_verdict_writes_the_line_of_its_own_request(
    gate: Gate, database: Database, spool_dir: Path, now: list[datetime]
) -> None:
    value = basic(database.add(expires_at=START + timedelta(days=1)))
    for number in range(3):
        now.append(START + timedelta(seconds=number))
        named: dict[str, Any] = {
            "request_id": f"{number:032x}",
            "forwarded_method": "PUT",
            "forwarded_target": f"/{number}?x",
        }
        gate.verify(Request("10.0.0.1", "GET", VERIFY, [value], ["203.0.113.9"], **named))
    (file,) = spool_dir.iterdir()
    first, *others = file.read_text().splitlines()
    for number, line in enumerate(others, 1):
        at = f"{START.timestamp() + number:.6f}"
        expected = first.replace(f'"{0:032x}"', f'"{number:032x}"').replace("/0", f"/{number}")
        assert line == expected.replace(f"{START.timestamp():.6f}", at)


@pytest.mark.covers("R16")
def test_database_that_is_away_leaves_nothing_behind(gate: Gate, database: Database, lookup: CountingLookup) -> None:
    value = basic(database.add(expires_at=START + timedelta(days=1)))
    database.connection.execute("DROP VIEW verifiable_token")
    assert [status(gate, value) for _ in range(2)] == [503, 503]
    database.connection.executescript(VIEW)
    assert [status(gate, value) for _ in range(2)] == [204, 204]


@pytest.mark.covers("R13")
def test_reopened_database_is_another_version(gate: Gate, database: Database, lookup: CountingLookup) -> None:
    # A database that is restored under the same path may have the same header as the one that it replaces.
    value = basic(database.add(expires_at=START + timedelta(days=1)))
    assert status(gate, value) == 204
    before = lookup.version()
    assert before is not None
    assert before is lookup.version()
    lookup.close()
    assert lookup.version() is None
    assert (status(gate, value), lookup.asked) == (204, 2)
    assert lookup.version() == before
    assert lookup.version() is not before
    assert (status(gate, value), lookup.asked) == (204, 3)


@pytest.mark.covers("R16", "R17")
def test_locked_database_delays_only_requests_that_need_a_row(
    gate: Gate, database: Database, lookup: CountingLookup, spool_dir: Path
) -> None:
    lookup.close()
    database.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.connection.execute("BEGIN IMMEDIATE")
    for authorization in ([], [b"Basic ="], [basic(mint())] * 2):
        assert gate.verify(Request("10.0.0.1", "GET", VERIFY, authorization, [])).status == 401
    assert lookup.asked == 0
    database.connection.execute("ROLLBACK")


@pytest.mark.covers("R16", "R17")
def test_index_without_memory_costs_no_line(
    gate: Gate, database: Database, lookup: CountingLookup, spool_dir: Path
) -> None:
    value = basic(database.add(expires_at=START + timedelta(days=1)))
    memory = mmap.mmap(-1, HEADER_BYTES)
    lookup._wal_index = WalIndex(database.path, identity_of(database.path), memory)
    memory.close()
    assert [status(gate, value) for _ in range(2)] == [204, 204]
    (file,) = spool_dir.iterdir()
    assert len(file.read_text().splitlines()) == 2


def test_verdicts_that_would_fill_the_memory_are_not_remembered(
    gate: Gate, database: Database, lookup: CountingLookup
) -> None:
    expires_at = START + timedelta(days=1)
    for value in (basic(database.add(name="\N{GRINNING FACE}" * 100, expires_at=expires_at)), b"Basic 17"):
        for _ in range(3):
            status(gate, value)
        assert not gate._verdicts._known
    assert lookup.asked == 3


@pytest.mark.covers("R16")
def test_flood_of_wrong_passwords_displaces_no_valid_token_from_memory(
    gate: Gate, database: Database, lookup: CountingLookup, now: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "MAX_REFUSALS", 3)
    end = START + timedelta(days=1)
    valid, wrong = basic(database.add(expires_at=end)), [basic(mint()) for _ in range(9)]
    assert [status(gate, value) for value in (valid, *wrong, valid, wrong[-1])] == [204, *[401] * 9, 204, 401]
    assert lookup.asked == 10
    assert (len(gate._verdicts._known), len(gate._verdicts._refused)) == (1, 3)
    now.append(end)
    assert [status(gate, valid) for _ in range(3)] == [401] * 3
    assert lookup.asked == 11


def test_verdict_of_another_version_is_not_remembered() -> None:
    verdicts, question = Verdicts(), (bytes(32), Located(None, is_trusted=False))
    verdict = Verdict(UNDECIDED, Frame("", ""), 0.0, 9.0)
    first, second = object(), object()
    assert verdicts.recall(question, first, 1.0) is None
    assert verdicts.recall(question, second, 1.0) is None
    verdicts.remember(question, first, verdict)
    assert verdicts.recall(question, second, 1.0) is None
    verdicts.remember(question, second, verdict)
    assert verdicts.recall(question, second, 1.0) is verdict
