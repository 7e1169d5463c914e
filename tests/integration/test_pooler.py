"""PgBouncer in transaction mode between the product and PostgreSQL: its clients share two sessions of the server's."""

import contextlib
import json
import secrets
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

import postgresql_front
import postgresql_server
from simsim.credential.digest import digest
from simsim.gate.lookup import Unavailable
from simsim.gate.lookup_postgresql import STATEMENT_TIMEOUT_SECONDS, PostgresqlLookup
from stack import BIN, PASSWORD, Stack, settled

GATES = 5
TOKENS = 4
KNOWN = digest("sim_of_a_test")
SCHEMA = f"""
CREATE TABLE token AS SELECT '\\x{KNOWN.hex()}'::bytea AS digest, '{uuid.UUID(int=7)}'::uuid AS token_id,
    '{uuid.UUID(int=8)}'::uuid AS account_id, 'Warehouse' AS name, '2027-01-02 03:04:05Z'::timestamptz AS expires_at,
    NULL::timestamptz AS revoked_at, ''::bytea AS allowlist, '2027-07-02 03:04:05Z'::timestamptz AS works_until,
    false AS report_only, NULL::timestamptz AS paused_at, NULL::timestamptz AS paused_until, '' AS limits, '' AS rates;
CREATE VIEW verifiable_token AS SELECT * FROM token;
"""
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pooler_port() -> Iterator[int]:
    with postgresql_front.pooler(postgresql_server.start()) as port:
        yield port


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    """A connection to a new database, past the pooler; its zone is not UTC."""
    name = f"pooled_{secrets.token_hex(4)}"
    with psycopg.connect(postgresql_server.create_database(name), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
        connection.execute(SCHEMA)
        yield connection


@pytest.fixture
def lookups(owner: psycopg.Connection, pooler_port: int) -> Iterator[list[PostgresqlLookup]]:
    opened = [PostgresqlLookup(postgresql_server.url(pooler_port, owner.info.dbname)) for _ in range(GATES)]
    yield opened
    for lookup in opened:
        lookup.close()


def sessions(pooler_port: int, database: str) -> list[tuple[Any, ...]]:
    """Return what differs from a new session in each that the pooler's clients share: settings, prepared statements."""
    with contextlib.ExitStack() as held:
        found = []
        for _ in range(postgresql_front.POOL_SIZE):  # a transaction that is open keeps its session to itself
            url = postgresql_server.url(pooler_port, database)
            connection = held.enter_context(psycopg.connect(url, prepare_threshold=None))
            pid, *others = connection.execute(
                "SELECT pg_backend_pid(), current_setting('statement_timeout'),"
                " current_setting('default_transaction_read_only'), (SELECT count(*) FROM pg_prepared_statements)"
            ).fetchall()[0]
            found.append((pid, tuple(others)))
    assert len(dict(found)) == postgresql_front.POOL_SIZE
    return [others for _, others in found]


@pytest.mark.covers("R13", "B1", "B11")
def test_gates_that_share_sessions_see_each_commit_and_leave_nothing_behind(
    lookups: list[PostgresqlLookup], owner: psycopg.Connection, pooler_port: int
) -> None:
    for number in range(40):
        owner.execute("UPDATE token SET name = %s", (str(number),))
        for lookup in lookups:
            record = lookup.find(KNOWN)
            assert record is not None
            assert record.name == str(number)
            assert record.expires_at == datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
            assert record.superseded_at == datetime(2027, 7, 2, 3, 4, 5, tzinfo=UTC)
            assert record.expires_at.utcoffset() == record.superseded_at.utcoffset() == timedelta(0)
            assert lookup.find(bytes(32)) is None
    assert sessions(pooler_port, owner.info.dbname) == [("0", "off", 0)] * postgresql_front.POOL_SIZE


@pytest.mark.covers("B11")
def test_statement_that_takes_too_long_is_cancelled_behind_the_pooler(
    lookups: list[PostgresqlLookup], owner: psycopg.Connection, pooler_port: int
) -> None:
    lookup = lookups[0]
    assert lookup.find(KNOWN)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'token'::regclass"
    with psycopg.connect(owner.info.dsn) as locker:
        locker.execute("LOCK TABLE token IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            lookup.find(KNOWN)
        assert time.monotonic() - began < STATEMENT_TIMEOUT_SECONDS + 1
        deadline = time.monotonic() + 2
        while owner.execute(waiting).fetchall() != [(0,)]:
            assert time.monotonic() < deadline, "the server is still busy with a statement that nobody waits for"
            time.sleep(0.05)


class Callers:
    """Four callers who ask the gate with one token again and again."""

    def __init__(self, stack: Stack, token: dict[str, Any]) -> None:
        self._is_over = threading.Event()
        self.statuses: list[int] = []

        def keep_asking() -> None:
            while not self._is_over.is_set():
                self.statuses.append(stack.ask_gate(token))
                time.sleep(0.02)

        self._threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)


def sign_in(stack: Stack, email: str) -> tuple[int, str | None]:
    """Try to sign in at the console with a new browser; return the answer's status and where it leads."""
    with httpx.Client(base_url=f"http://localhost:{stack.console_port}") as browser:
        browser.get("/sign-in/login/")
        form = {
            "login": email,
            "password": PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["simsim-csrf"],
        }
        answer = browser.post("/sign-in/login/", data=form)
        return answer.status_code, answer.headers.get("Location")


def restart_sessions_in_another_zone(stack: Stack) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {stack.database} SET timezone = 'Asia/Kathmandu'")
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (stack.database,),
        )


def said_of_the_database(stack: Stack) -> tuple[bool, str]:
    """Return whether `simsim doctor` finds the database good, and what it says."""
    command: list[str | Path] = [BIN / "simsim", "doctor", "--json"]
    done = subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)
    database = json.loads(done.stdout)["items"][0]
    return database["ok"], database["detail"]


@pytest.mark.covers("R13", "R17", "B1", "B11")
def test_whole_product_works_behind_a_pooler(tmp_path: Path, pooler_port: int) -> None:
    stack = Stack(tmp_path, on_postgresql=True)
    pooled = postgresql_server.url(pooler_port, stack.database)
    stack.settings["SIMSIM_DATABASE_URL"] = pooled
    try:
        stack.start()
        restart_sessions_in_another_zone(stack)
        kept, *others = [stack.create_token(f"Token {number}") for number in range(TOKENS)]
        callers = Callers(stack, kept)
        try:
            for token in others:
                assert stack.ask_gate(token) == 204
                stack.revoke(token["id"])
                assert [stack.ask_gate(token) for _ in range(20)] == [401] * 20
            for number in range(5):
                assert sign_in(stack, "alice@acme.example") == (302, "/")
                assert sign_in(stack, f"stranger-{number}@acme.example") == (200, None)
        finally:
            callers.stop()
        assert set(callers.statuses) == {204}
        assert len(callers.statuses) > 100
        asked = len(callers.statuses) + 21 * len(others)
        stack.wait_until(lambda: stack.count_log() >= asked, "every request is in the log")
        latest = datetime.fromisoformat(stack.log_rows(token=kept["id"])[0]["received_at"])
        assert abs(datetime.now(UTC) - latest) < timedelta(minutes=5)
        assert stack.get("/readyz", port=stack.console_port).status == 200
        assert sessions(pooler_port, stack.database) == [("0", "off", 0)] * postgresql_front.POOL_SIZE
        assert said_of_the_database(stack) == (True, "PostgreSQL, up to date, through a connection pooler")
    finally:
        stack.stop()


@pytest.mark.covers("B11")
def test_nodes_that_migrate_at_once_through_a_pooler_all_succeed(tmp_path: Path, pooler_port: int) -> None:
    stack = Stack(tmp_path, on_postgresql=True)
    postgresql_server.create_database(stack.database)
    stack.database_url = postgresql_server.url(pooler_port, stack.database)
    migrations = [
        subprocess.Popen(
            [BIN / "simsim", "migrate", "--json"], env=stack.environment | {"SIMSIM_DATA_DIR": str(tmp_path / node)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for node in ("one", "two", "three")
    ]  # fmt: skip
    done = [(process.communicate(timeout=200), process.returncode) for process in migrations]
    assert [(says[1], status) for says, status in done] == [("", 0)] * len(migrations)
    migrated = "Migrated the database “default”"
    assert sum(migrated in json.loads(says[0])["done"] for says, _ in done) == 1


@pytest.mark.covers("B11")
def test_doctor_names_a_pooler_that_takes_no_transactions(tmp_path: Path) -> None:
    stack = Stack(tmp_path, on_postgresql=True)
    stack.copy(settled(on_postgresql=True))
    with postgresql_front.pooler(postgresql_server.start(), mode="statement") as port:
        stack.settings["SIMSIM_DATABASE_URL"] = postgresql_server.url(port, stack.database)
        is_good, says = said_of_the_database(stack)
    assert not is_good
    assert says.endswith(": set the connection pooler to pool_mode = transaction")
