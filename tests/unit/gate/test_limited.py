"""The gate with limits: each request is judged, the log says why, and nothing of a request is remembered."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import psycopg
import pytest

import gate_version
from gate_database import Database, basic
from simsim.credential.allowlist import pack
from simsim.credential.digest import digest
from simsim.credential.password import mint
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.decided_line import CONSOLE_TEST
from simsim.gate.lookup_postgresql import PostgresqlLookup
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.request_target import is_named
from simsim.gate.shared_gate import SharedGate
from simsim.gate.shared_look import SharedLook
from simsim.gate.spool import Spool

pytestmark = pytest.mark.covers("B16", "R16")
ORDERS = ("GET /api/orders/**", "POST /api/orders")


@pytest.fixture
def gate(database: Database, spool_dir: Path) -> Iterator[Gate]:
    opened = Gate(SqliteLookup(database.path), Spool(spool_dir), pack([ip_network("10.0.0.0/8")]))
    yield opened
    opened.close()


def asked(password: str, method: str = "GET", target: str = "/api/orders/1", *, named: bool = True) -> Request:
    return Request(
        "10.0.0.1", "GET", VERIFY, [basic(password)], ["203.0.113.9"], "0" * 32, method, target, is_named=named
    )


def causes(spool_dir: Path) -> list[str]:
    texts = [path.read_text() for path in sorted(spool_dir.iterdir())]
    return [json.loads(line)["cause"] for text in texts for line in text.splitlines() if '"cause"' in line]


def test_request_is_judged_each_time_while_the_verdict_on_the_token_is_remembered(
    gate: Gate, database: Database, spool_dir: Path
) -> None:
    password = database.add(limits=ORDERS)
    requests = [
        ("GET", "/api/orders/1?x=/"), ("DELETE", "/api/orders/1"), ("POST", "/api/orders"), ("GET", "/admin"),
        ("GET", "/api/orders/../admin"), ("GET", "/api/orders/1"),
    ]  # fmt: skip
    answers = [gate.verify(asked(password, *each)) for each in requests]
    assert [each.status for each in answers] == [204, 403, 204, 403, 403, 204]
    assert causes(spool_dir) == ["ok", "limit_method", "ok", "limit_path", "limit_unclear", "ok"]
    (line,) = [json.loads(line) for line in next(spool_dir.iterdir()).read_text().splitlines() if "DELETE" in line]
    assert (line["reason"], line["name"], line["method"], line["path"]) == (
        "limit", "Warehouse", "DELETE", "/api/orders/1"
    )  # fmt: skip
    assert "x-simsim-token" not in dict(answers[1].headers)


def test_limit_changes_nothing_for_whoever_would_be_refused_anyway(gate: Gate, database: Database) -> None:
    password = database.add(limits=ORDERS, is_paused=True)
    assert gate.verify(asked(password, "DELETE", "/x")).status == 401
    assert gate.verify(asked(mint(), "DELETE", "/x")).status == 401


def test_token_with_limits_needs_a_named_request_and_any_other_does_not(
    gate: Gate, database: Database, spool_dir: Path
) -> None:
    limited, free = database.add(limits=ORDERS), database.add()
    assert gate.verify(asked(limited, named=False)).status == 403
    assert gate.verify(asked(free, named=False)).status == 204
    assert gate.verify(asked(free, "GET", "/a/../%00;")).status == 204
    assert causes(spool_dir) == ["limit_unnamed", "ok", "ok"]


def test_report_only_limits_refuse_nothing_and_are_logged(gate: Gate, database: Database, spool_dir: Path) -> None:
    password = database.add(limits=ORDERS, report_only=True)
    assert gate.verify(asked(password, "DELETE")).status == 204
    assert gate.verify(asked(password)).status == 204
    assert causes(spool_dir) == ["outside_limits", "ok"]


def test_narrowed_limit_holds_for_the_next_request_and_an_unreadable_one_lets_nobody_in(
    gate: Gate, database: Database
) -> None:
    password = database.add()
    assert gate.verify(asked(password, "DELETE")).status == 204
    database.change(password, limits="GET /**")
    assert gate.verify(asked(password, "DELETE")).status == 403
    database.change(password, limits="nonsense")
    assert gate.verify(asked(password, "GET")).status == 503
    database.change(password, limits="")
    assert gate.verify(asked(password, "DELETE")).status == 204


def test_test_from_the_console_is_about_the_credentials(gate: Gate, database: Database) -> None:
    password = database.add(limits=ORDERS)
    test = Request("10.0.0.1", "", CONSOLE_TEST, [basic(password)], ["203.0.113.9"], "0" * 32)
    assert gate.verify(test).status == 204


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"x-forwarded-method": "GET", "x-forwarded-uri": "/a"}, True),
        ({"x-original-method": "GET", "x-original-uri": "/a"}, True),
        ({"x-forwarded-method": "GET", "x-original-uri": "/a"}, True),
        ({"x-forwarded-method": "GET", "x-forwarded-uri": "/a", "x-original-uri": "/a"}, True),
        ({"x-forwarded-method": "GET", "x-forwarded-uri": "/a", "x-original-uri": "/b"}, False),
        ({"x-forwarded-method": "GET", "x-forwarded-uri": "/a", "x-original-method": "PUT"}, False),
        ({"x-forwarded-method": "GET"}, False),
        ({"x-forwarded-uri": "/a"}, False),
        ({"x-original-method": "GET"}, False),
        ({"x-forwarded-method": "", "x-forwarded-uri": "/a"}, False),
        ({}, False),
    ],
)
def test_request_is_named_only_by_headers_that_agree(headers: dict[str, str], named: bool) -> None:
    assert is_named(headers) is named


def test_narrowed_limit_on_postgresql_holds_for_the_next_request(postgresql_url: str, spool_dir: Path) -> None:
    password = mint()

    async def narrow(owner: psycopg.Connection, gate: SharedGate) -> list[int]:
        found = [(await gate.verify_together(asked(password, "DELETE"))).status for _ in range(2)]
        owner.execute("UPDATE tokens_token SET limits = 'GET /api/**'")
        for method in ("DELETE", "GET", "DELETE"):
            found.append((await gate.verify_together(asked(password, method))).status)
        gate.close()
        await asyncio.sleep(0)
        return found

    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(gate_version.SCHEMA + gate_version.statements())
        gate_version.add_token(owner, digest(password), 1, datetime.now(UTC) + timedelta(days=1))
        look, trusted = partial(SharedLook, postgresql_url), pack([ip_network("10.0.0.0/8")])
        gate = SharedGate(PostgresqlLookup(postgresql_url), look, Spool(spool_dir), trusted=trusted)
        assert asyncio.run(narrow(owner, gate)) == [204, 204, 403, 204, 403]
