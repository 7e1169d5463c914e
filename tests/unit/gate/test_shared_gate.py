"""The gate whose requests share looks at PostgreSQL: one request from end to end, through both doors."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import gate_version
from gate_database import basic
from simsim.credential.allowlist import pack
from simsim.credential.decision import PASSWORD_UNKNOWN
from simsim.credential.digest import digest
from simsim.credential.password import mint
from simsim.gate import answer, verdict
from simsim.gate.address import Located
from simsim.gate.app import HEALTHZ, READYZ, VERIFY, Request
from simsim.gate.asgi import Asgi
from simsim.gate.decided_line import Frame
from simsim.gate.lookup_postgresql import PAUSE_SECONDS, PostgresqlLookup
from simsim.gate.refusals import refusal_of
from simsim.gate.rsgi import Rsgi
from simsim.gate.shared_gate import SharedGate
from simsim.gate.shared_look import SharedLook
from simsim.gate.spool import Spool
from simsim.gate.verdict import SharedVerdicts, Verdict

PASSWORD = mint()
KNOWN = digest(PASSWORD)
TRUSTED = pack([ip_network("10.0.0.0/8")])
Test = Callable[[SharedGate], Awaitable[None]]


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(gate_version.SCHEMA + gate_version.statements())
        gate_version.add_token(connection, KNOWN, 1, datetime.now(UTC) + timedelta(days=1))
        yield connection


@pytest.fixture
def said() -> list[str]:
    """What the gate says on stderr."""
    return []


@pytest.fixture
def play(owner: psycopg.Connection, postgresql_url: str, spool_dir: Path, said: list[str]) -> Callable[[Test], None]:
    """Run a coroutine with a gate, and close the gate."""

    async def playing(test: Test) -> None:
        look = partial(SharedLook, postgresql_url)
        gate = SharedGate(PostgresqlLookup(postgresql_url), look, Spool(spool_dir), trusted=TRUSTED, say=said.append)
        try:
            await test(gate)
        finally:
            gate.close()
            await asyncio.sleep(0)

    return lambda test: asyncio.run(playing(test))


def request(*authorization: bytes, peer: str = "10.0.0.1", address: str = "203.0.113.9") -> Request:
    return Request(peer, "GET", VERIFY, authorization or (basic(PASSWORD),), [address], "0123456789abcdef" * 2)


async def status(gate: SharedGate, *authorization: bytes, **more: str) -> int:
    return (await gate.verify_together(request(*authorization, **more))).status


def reasons(spool_dir: Path) -> list[str]:
    lines = [json.loads(line) for path in sorted(spool_dir.iterdir()) for line in path.read_text().splitlines()]
    return [line["reason"] for line in lines if "reason" in line]


@pytest.mark.covers("R13", "R15", "B1", "B2", "B3")
def test_each_change_is_met_by_the_next_request(
    play: Callable[[Test], None], owner: psycopg.Connection, spool_dir: Path
) -> None:
    changes: list[tuple[str, int, int]] = [
        ("revoked_at = now()", 401, 401),
        ("revoked_at = NULL", 204, 204),
        ("expires_at = now()", 401, 401),
        ("expires_at = now() + interval '1 day'", 204, 204),
        ("allowlist = %s", 401, 204),
        ("report_only = true", 204, 204),
    ]
    near, far = "203.0.113.9", "198.51.100.9"

    async def test(gate: SharedGate) -> None:
        for _ in range(2):
            assert [await status(gate, address=address) for address in (far, near)] == [204, 204]
        for change, at_far, at_near in changes:
            values = (pack([ip_network("203.0.113.0/24")]),) if "%s" in change else ()
            owner.execute(f"UPDATE tokens_token SET {change}".encode(), values)
            for _ in range(2):
                assert [await status(gate, address=address) for address in (far, near)] == [at_far, at_near], change
        other = mint()
        owner.execute(
            "UPDATE tokens_token SET digest = %s, previous_digest = digest, previous_works_until = now()",
            (digest(other),),
        )
        assert [await status(gate, basic(each), address=near) for each in (PASSWORD, other)] == [401, 204]
        owner.execute("DELETE FROM tokens_token")
        assert [await status(gate, basic(each), address=near) for each in (PASSWORD, other)] == [401, 401]

    play(test)
    assert reasons(spool_dir).count("revoked") == 4


@pytest.mark.covers("R15", "R16", "R17")
def test_request_that_needs_no_database_does_not_wait_for_it(
    play: Callable[[Test], None], owner: psycopg.Connection, spool_dir: Path
) -> None:
    async def test(gate: SharedGate) -> None:
        owner.execute("DROP VIEW verifiable_token")
        assert await status(gate, b"Basic =") == 401
        assert await status(gate, basic(PASSWORD), basic(PASSWORD)) == 401
        assert (await gate.verify_together(request(peer="203.0.113.9"))) == answer.NOT_FOUND
        assert (await gate.answer_together(HEALTHZ, "GET")) == answer.HEALTHY
        assert (await gate.answer_together("/", "GET")) == answer.NOT_FOUND

    play(test)
    assert reasons(spool_dir) == ["malformed", "malformed"]


@pytest.mark.covers("R16", "R17", "B11")
def test_database_that_is_away_decides_nothing_and_each_request_is_logged(
    play: Callable[[Test], None], owner: psycopg.Connection, spool_dir: Path, said: list[str]
) -> None:
    async def test(gate: SharedGate) -> None:
        assert [await status(gate) for _ in range(2)] == [204, 204]
        assert (await gate.answer_together(READYZ, "GET")).status == 200
        owner.execute("ALTER VIEW verifiable_token RENAME TO hidden")
        # One with a remembered verdict, then one without.
        assert [await status(gate) for _ in range(2)] == [503, 503]
        assert (await gate.answer_together(READYZ, "GET")) == answer.UNDECIDED
        owner.execute("ALTER VIEW hidden RENAME TO verifiable_token")
        await asyncio.sleep(PAUSE_SECONDS)
        assert await status(gate) == 204

    play(test)
    assert reasons(spool_dir) == ["ok", "ok", "unavailable", "unavailable", "ok"]
    assert said[0].startswith("Unavailable: PostgreSQL: ")


@pytest.mark.covers("R17", "B1")
def test_no_line_no_acceptance_and_two_tokens_with_one_password_no_decision(
    play: Callable[[Test], None], owner: psycopg.Connection, spool_dir: Path
) -> None:
    async def test(gate: SharedGate) -> None:
        owner.execute("INSERT INTO tokens_token SELECT * FROM tokens_token")
        assert await status(gate) == 503
        spool_dir.rename(spool_dir.with_name("away"))
        gate.close()
        assert await gate.verify_together(request()) == answer.UNDECIDED

    play(test)


@pytest.mark.covers("B9", "B11")
def test_both_doors_wait_for_the_look(play: Callable[[Test], None]) -> None:
    def asked(path: str) -> tuple[Any, dict[str, Any]]:
        headers = [("authorization", basic(PASSWORD).decode()), ("x-forwarded-for", "203.0.113.9")]
        items = SimpleNamespace(get=dict(headers).get, items=lambda: headers)
        scope = SimpleNamespace(proto="http", path=path, method="GET", client="", headers=items)
        raw = [(name.encode(), value.encode()) for name, value in headers]
        return scope, {"type": "http", "path": path, "method": "GET", "client": None, "headers": raw}

    async def test(gate: SharedGate) -> None:
        for path, expected in ((VERIFY, 204), (READYZ, 200), ("/gate/console-test", 204), ("/", 404)):
            scope, asgi = asked(path)
            statuses: list[int] = []

            def note(status: int, *_: Any, statuses: list[int] = statuses) -> None:
                statuses.append(status)

            async def send(message: Any, statuses: list[int] = statuses) -> None:
                statuses.append(message.get("status", 0))

            await Rsgi(gate).__rsgi__(scope, SimpleNamespace(response_empty=note, response_bytes=note))
            await Asgi(gate)(asgi, None, send)  # type: ignore[arg-type]
            # The listener for other proxies has no test from the console.
            assert statuses == [expected, 404 if path == "/gate/console-test" else expected, 0]

    play(test)


def kept(before: str = "", until: float = 9.0) -> Verdict:
    return Verdict(answer.HEALTHY, Frame(before, ""), 1.0, until)


def test_refusals_displace_no_valid_token_and_are_forgotten_like_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "MAX_REFUSALS", 2)
    located, verdicts = Located(None, True), SharedVerdicts()
    refusal = refusal_of(PASSWORD_UNKNOWN, account=None, record=None, located=located)
    accepted, refused = kept(), kept()._replace(refusal=refusal)
    questions = [(bytes([number]), located) for number in range(5)]
    verdicts.remember(questions[0], b"a", accepted)
    for question in questions[1:4]:
        verdicts.remember(question, question[0], refused)
    found = [verdicts.recall(question, 1.0) for question in questions[:4]]
    assert found == [accepted, None, refused, refused]
    verdicts.remember(questions[0], b"a", refused)
    assert [verdicts.recall(question, 1.0) for question in questions[:4]] == [refused, None, None, refused]
    verdicts.forget({b"a"})
    assert verdicts.recall(questions[0], 1.0) is None
    verdicts.forget(None)
    assert verdicts.recall(questions[3], 1.0) is None


def test_memory_is_bounded_and_forgets_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "MAX_VERDICTS", 3)
    located, verdicts = Located(None, True), SharedVerdicts()
    questions = [(bytes([number]), located) for number in range(5)]
    verdicts.remember(questions[0], b"a", kept("x" * 2000))
    verdicts.remember(questions[0], b"a", kept(until=1.0))
    assert verdicts.recall(questions[0], 1.0) is None
    for question, token in zip(questions, (b"a", b"a", b"b", b"b", b"c"), strict=True):
        verdicts.remember(question, token, kept())
    # The oldest two are dropped, and with them the first token.
    assert [verdicts.recall(question, 1.0) is not None for question in questions] == [False, False, True, True, True]
    assert [verdicts.recall(questions[4], now) is not None for now in (0.9, 1.0, 8.9, 9.0)] == [
        False,
        True,
        True,
        False,
    ]
    verdicts.forget({b"b", b"unknown"})
    assert [verdicts.recall(question, 1.0) is not None for question in questions[2:]] == [False, False, True]
    verdicts.forget(None)
    assert verdicts.recall(questions[4], 1.0) is None
