"""A standby that lags behind decides nothing: not when it is asked, and not when it takes the primary's place."""

import contextlib
import secrets
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import postgresql_front
import postgresql_server
from simsim.credential.digest import digest
from simsim.gate.lookup import Unavailable
from simsim.gate.lookup_postgresql import PostgresqlLookup
from stack import Stack

# Each test has PostgreSQL servers of its own.
pytestmark = pytest.mark.any_database

KNOWN = digest("sim_of_a_test")
VIEW = f"""
CREATE TABLE token AS SELECT '\\x{KNOWN.hex()}'::bytea AS digest, '{uuid.UUID(int=7)}'::uuid AS token_id,
    '{uuid.UUID(int=8)}'::uuid AS account_id, 'Warehouse' AS name, now() + interval '1 day' AS expires_at,
    NULL::timestamptz AS revoked_at, ''::bytea AS allowlist, NULL::timestamptz AS works_until, false AS report_only,
    NULL::timestamptz AS paused_at, NULL::timestamptz AS paused_until, '' AS limits, '' AS rates;
CREATE VIEW verifiable_token AS SELECT * FROM token
"""


@pytest.fixture(scope="module")
def primary_url() -> str:
    url = postgresql_server.create_database(f"gate_{secrets.token_hex(4)}")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(VIEW)
    return url


@pytest.fixture(scope="module")
def standby_port(primary_url: str) -> Iterator[int]:
    with postgresql_server.standby() as port:
        yield port


@pytest.mark.parametrize("asked", [KNOWN, bytes(32)], ids=["known", "unknown"])
@pytest.mark.covers("R13", "B1", "B11")
def test_standby_decides_nothing(asked: bytes, primary_url: str, standby_port: int) -> None:
    standby_url = postgresql_server.url(standby_port, primary_url.rpartition("/")[2])
    for url in (standby_url, f"{standby_url}?target_session_attrs=any"):
        with contextlib.closing(PostgresqlLookup(url)) as lookup, pytest.raises(Unavailable):
            lookup.find(asked)


@pytest.mark.covers("R13", "B1", "B11")
def test_of_several_hosts_the_primary_decides(primary_url: str, standby_port: int) -> None:
    hosts = f"127.0.0.1:{standby_port},127.0.0.1:{postgresql_server.start()}"
    url = f"postgresql://postgres@{hosts}/{primary_url.rpartition('/')[2]}"
    with contextlib.closing(PostgresqlLookup(url)) as lookup:
        assert lookup.find(KNOWN)


@contextlib.contextmanager
def moving_address(through_a_pooler: bool) -> Iterator[tuple[postgresql_front.Address, int]]:
    """Give an address that leads to the primary until it is moved, and the port at which the product finds it."""
    with postgresql_front.address(postgresql_server.start()) as address:
        if not through_a_pooler:
            yield address, address.port
            return
        with postgresql_front.pooler(address.port) as port:
            yield address, port


def wait_until_received(standby_port: int) -> None:
    """Wait until the standby has received, but not replayed, everything that the primary has written."""
    primary, standby = (postgresql_server.url(port, "postgres") for port in (postgresql_server.start(), standby_port))
    with psycopg.connect(primary, autocommit=True) as ours, psycopg.connect(standby, autocommit=True) as theirs:
        (written,) = ours.execute("SELECT pg_current_wal_flush_lsn()").fetchall()[0]
        deadline = time.monotonic() + 20
        while theirs.execute("SELECT pg_last_wal_receive_lsn() >= %s", (written,)).fetchall() != [(True,)]:
            assert time.monotonic() < deadline, "the standby receives nothing"
            time.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("through_a_pooler", [False, True], ids=["address", "pooler"])
@pytest.mark.covers("R13", "B1", "B11")
def test_after_a_switchover_nothing_is_decided_until_the_standby_is_promoted(
    through_a_pooler: bool, tmp_path: Path
) -> None:
    with moving_address(through_a_pooler) as (address, port):
        stack = Stack(tmp_path, on_postgresql=True)
        stack.settings["SIMSIM_DATABASE_URL"] = postgresql_server.url(port, stack.database)
        try:
            stack.start_serving()
            kept, revoked = stack.create_token("Kept"), stack.create_token("Revoked")
            with postgresql_server.standby() as standby_port:
                assert [stack.ask_gate(token) for token in (kept, revoked)] == [204, 204]
                stack.revoke(revoked["id"])
                wait_until_received(standby_port)
                address.move(standby_port)
                asked_until = time.monotonic() + 3
                while time.monotonic() < asked_until:
                    assert [stack.ask_gate(token) for token in (kept, revoked)] == [503, 503]
                    assert stack.get_from_gate("/readyz") == 503
                with psycopg.connect(postgresql_server.url(standby_port, "postgres"), autocommit=True) as promoted:
                    promoted.execute("SELECT pg_promote()")
                stack.wait_until(lambda: stack.ask_gate(kept) == 204, "the gate decides again", seconds=10)
                # Each of the gate's processes has a connection of its own.
                stack.wait_until(lambda: {stack.ask_gate(kept) for _ in range(20)} == {204}, "all do", seconds=10)
                assert {stack.ask_gate(revoked) for _ in range(20)} == {401}
                assert stack.get_from_gate("/readyz") == 200
                assert stack.get("/sign-in/login/", port=stack.console_port).status == 200
                after = stack.create_token("After")
                assert stack.ask_gate(after) == 204
                stack.revoke(after["id"])
                assert {stack.ask_gate(after) for _ in range(20)} == {401}
        finally:
            stack.stop()
