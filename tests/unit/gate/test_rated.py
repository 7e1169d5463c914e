"""The gate with a rate or a quota: 429 with the standard fields, a line that says why, and nothing else changes."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

import gate_version
from gate_database import Database, basic
from simsim.credential.allowlist import pack
from simsim.credential.digest import digest
from simsim.credential.password import mint
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.counters import Counters
from simsim.gate.decided_line import CONSOLE_TEST
from simsim.gate.lookup_postgresql import PostgresqlLookup
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.shared_gate import SharedGate
from simsim.gate.shared_look import SharedLook
from simsim.gate.spool import Spool

pytestmark = pytest.mark.covers("B17")


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(database: Database, spool_dir: Path, clock: Clock) -> Iterator[Gate]:
    counters = Counters(spool_dir / ".counters")
    opened = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=clock, limits=FailureLimits(), counters=counters)
    yield opened
    opened.close()
    counters.close()


def asked(password: str, method: str = "GET") -> Request:
    return Request("", "GET", VERIFY, [basic(password)], ["203.0.113.9"], "0" * 32, method, "/api", is_named=True)


def lines(spool_dir: Path) -> list[dict[str, str]]:
    texts = [path.read_text() for path in sorted(spool_dir.glob("*.jsonl"))]
    return [json.loads(line) for text in texts for line in text.splitlines() if '"cause"' in line]


def test_burst_passes_and_the_next_request_gets_429_with_the_standard_fields(
    gate: Gate, database: Database, spool_dir: Path, clock: Clock
) -> None:
    password = database.add(rates=("2/s burst 4", "1000/day"))
    assert [gate.verify(asked(password)).status for _ in range(5)] == [204, 204, 204, 204, 429]
    said = gate.verify(asked(password))
    headers = dict(said.headers)
    assert headers["retry-after"] == "1"
    assert headers["ratelimit"] == '"rate";r=0;t=1'
    assert headers["ratelimit-policy"] == '"rate";q=4;w=2, "day";q=1000;w=86400'
    assert json.loads(said.body)["type"] == "urn:simsim:problem:beyond-rate"
    assert "x-simsim-token" not in headers
    *_, line = lines(spool_dir)
    assert (line["reason"], line["cause"], line["name"], line["address"]) == (
        "throttled", "rate", "Warehouse", "203.0.113.9"
    )  # fmt: skip
    clock.now += 0.5
    assert [gate.verify(asked(password)).status for _ in range(2)] == [204, 429]


def test_used_up_quota_refuses_until_the_day_ends_and_other_tokens_notice_nothing(
    gate: Gate, database: Database, spool_dir: Path, clock: Clock
) -> None:
    flooding, other = database.add(rates=("3/day", "1000/month")), database.add(rates=("3/day",))
    assert [gate.verify(asked(flooding)).status for _ in range(400)].count(204) == 3
    assert dict(gate.verify(asked(flooding)).headers)["ratelimit"].startswith('"day";r=0;t=')
    assert [gate.verify(asked(other)).status for _ in range(3)] == [204] * 3
    assert gate.verify(asked(database.add())).status == 204
    assert {line["cause"] for line in lines(spool_dir)} == {"ok", "quota_day"}


def test_only_requests_that_would_pass_are_counted(gate: Gate, database: Database, spool_dir: Path) -> None:
    password = database.add(rates=("2/day",), limits=("GET /**",))
    assert [gate.verify(asked(password, "DELETE")).status for _ in range(5)] == [403] * 5
    test = Request("", "", CONSOLE_TEST, [basic(password)], ["203.0.113.9"], "0" * 32)
    assert [gate.verify(test).status for _ in range(5)] == [204] * 5
    assert [gate.verify(asked(password)).status for _ in range(3)] == [204, 204, 429]
    assert gate.verify(asked(mint())).status == 401
    paused = database.add(rates=("2/day",), is_paused=True)
    assert gate.verify(asked(paused)).status == 401


def test_changed_quota_holds_for_the_next_request(gate: Gate, database: Database) -> None:
    password = database.add(rates=("5/day",))
    assert [gate.verify(asked(password)).status for _ in range(3)] == [204] * 3
    database.change(password, rates="3/day")
    assert gate.verify(asked(password)).status == 429
    database.change(password, rates="4/day")
    assert [gate.verify(asked(password)).status for _ in range(2)] == [204, 429]
    database.change(password, rates="")
    assert gate.verify(asked(password)).status == 204


def test_what_cannot_be_read_or_counted_lets_nobody_in(
    gate: Gate, database: Database, spool_dir: Path, clock: Clock
) -> None:
    password, free = database.add(rates=("5/day",)), database.add()
    uncounted = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=clock)
    away = Gate(
        SqliteLookup(database.path), Spool(spool_dir), clock=clock, counters=Counters(spool_dir / "none" / "counters")
    )
    for each in (uncounted, away):
        assert each.verify(asked(password)).status == 503
        assert each.verify(asked(free)).status == 204
        each.close()
    database.change(password, rates="plenty")
    assert gate.verify(asked(password)).status == 503


def test_gate_on_postgresql_counts_too(postgresql_url: str, spool_dir: Path) -> None:
    password, spool = mint(), Spool(spool_dir)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(gate_version.SCHEMA)
        connection.execute(gate_version.statements())
        gate_version.add_token(connection, digest(password), 1, datetime.now(UTC) + timedelta(days=1))
        connection.execute("UPDATE tokens_token SET rates = '2/day'")
        gate = SharedGate(
            PostgresqlLookup(postgresql_url), partial(SharedLook, postgresql_url), spool,
            pack([]), counters=Counters(spool_dir / ".counters"),
        )  # fmt: skip

        async def ask() -> list[int]:
            found = [(await gate.verify_together(asked(password))).status for _ in range(3)]
            connection.execute("UPDATE tokens_token SET rates = '3/day'")
            found += [(await gate.verify_together(asked(password))).status for _ in range(2)]
            gate.close()
            return found

        assert asyncio.run(ask()) == [204, 204, 429, 204, 429]
