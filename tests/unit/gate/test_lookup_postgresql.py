"""The lookup on PostgreSQL: it reads the current row over a connection that may break or hang."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

import postgresql_front
import postgresql_server
from gate_database import ACME
from simsim.credential import allowlist
from simsim.credential.digest import digest
from simsim.gate.lookup import Lookup, Unavailable
from simsim.gate.lookup_postgresql import (
    CANCEL_TIMEOUT_SECONDS,
    PAUSE_SECONDS,
    STATEMENT_TIMEOUT_SECONDS,
    PostgresqlLookup,
)

SCHEMA = """
DROP VIEW IF EXISTS verifiable_token CASCADE;
DROP TABLE IF EXISTS token CASCADE;
CREATE TABLE token (
    digest bytea, id uuid, account uuid, name text, expires_at timestamptz, revoked_at timestamptz, allowlist bytea,
    works_until timestamptz, report_only boolean, paused_at timestamptz, paused_until timestamptz,
    limits text NOT NULL DEFAULT '',
    rates text NOT NULL DEFAULT ''
);
CREATE VIEW verifiable_token AS
    SELECT digest, id AS token_id, account AS account_id, name, expires_at, revoked_at, allowlist, works_until,
        report_only, paused_at, paused_until, limits, rates
    FROM token;
"""
EXPIRES = datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PASSWORD = "sim_of_a_test"
KNOWN = digest(PASSWORD)


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection]:
    """A connection that changes what the gate reads, with one token in the table."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "INSERT INTO token VALUES (%s, %s, %s, 'Warehouse', %s, NULL, '', NULL, false, NULL, NULL)",
            (KNOWN, uuid.UUID(int=7), ACME, EXPIRES),
        )
        yield connection


@pytest.fixture
def lookup(owner: psycopg.Connection, postgresql_url: str) -> Iterator[Lookup]:
    opened = PostgresqlLookup(postgresql_url)
    yield opened
    opened.close()


@pytest.mark.covers("B11")
def test_record_is_found_through_a_pooler_again_and_again(owner: psycopg.Connection, postgresql_url: str) -> None:
    """Behind a pooler the statement is not prepared: the next request may get a session that does not know it."""
    with postgresql_front.pooler(postgresql_server.start()) as port:
        opened = PostgresqlLookup(postgresql_server.url(port, owner.info.dbname))
        for _ in range(5):
            found = opened.find(KNOWN)
            assert found is not None
            assert found.expires_at == EXPIRES
        opened.close()


def break_connections(owner: psycopg.Connection) -> None:
    owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simsim gate'")


@pytest.mark.covers("R15")
def test_record_holds_the_columns_of_the_row(lookup: Lookup) -> None:
    record = lookup.find(KNOWN)
    assert record is not None
    assert (record.token_id, record.account_id, record.name) == (str(uuid.UUID(int=7)), str(ACME), "Warehouse")
    assert (record.digest, record.expires_at, record.revoked) == (KNOWN, EXPIRES, False)
    assert (record.allowlist, record.superseded_at, record.paused, record.paused_until) == (b"", None, False, None)
    assert lookup.find(bytes(32)) is None


@pytest.mark.covers("R13", "B1")
def test_each_lookup_sees_what_was_committed_before_it(lookup: Lookup, owner: psycopg.Connection) -> None:
    assert lookup.find(KNOWN)
    owner.execute("UPDATE token SET revoked_at = now()")
    record = lookup.find(KNOWN)
    assert record is not None
    assert record.revoked


@pytest.mark.covers("B13", "B1")
def test_pause_and_resume_are_seen_at_the_next_lookup(lookup: Lookup, owner: psycopg.Connection) -> None:
    for paused_at, paused_until in ((EXPIRES, EXPIRES), (EXPIRES, None), (None, None)):
        owner.execute("UPDATE token SET paused_at = %s, paused_until = %s", (paused_at, paused_until))
        record = lookup.find(KNOWN)
        assert record is not None
        assert (record.paused, record.paused_until) == (paused_at is not None, paused_until)


def test_password_of_two_tokens_is_no_decision(lookup: Lookup, owner: psycopg.Connection) -> None:
    owner.execute("INSERT INTO token SELECT * FROM token")
    with pytest.raises(ValueError, match="too many values"):
        lookup.find(KNOWN)


@pytest.mark.covers("B11")
def test_broken_connection_is_made_again_within_the_request(lookup: Lookup, owner: psycopg.Connection) -> None:
    assert lookup.find(KNOWN)
    break_connections(owner)
    assert lookup.find(KNOWN)


@pytest.mark.covers("B11")
def test_server_that_is_away_is_asked_again_after_a_pause(lookup: Lookup, owner: psycopg.Connection) -> None:
    owner.execute("ALTER VIEW verifiable_token RENAME TO hidden")
    for _ in range(2):
        with pytest.raises(Unavailable):
            lookup.find(KNOWN)
    owner.execute("ALTER VIEW hidden RENAME TO verifiable_token")
    with pytest.raises(Unavailable, match="in a moment"):
        lookup.find(KNOWN)
    time.sleep(PAUSE_SECONDS)
    assert lookup.find(KNOWN)


@pytest.mark.covers("B11")
def test_connection_that_breaks_again_is_unavailable(lookup: Lookup, owner: psycopg.Connection) -> None:
    assert lookup.find(KNOWN)
    owner.execute("DROP VIEW verifiable_token")
    with pytest.raises(Unavailable):
        lookup.find(KNOWN)


@pytest.mark.covers("B11")
def test_every_wait_has_a_bound(lookup: Lookup, owner: psycopg.Connection) -> None:
    assert lookup.find(KNOWN)
    with owner.transaction():
        owner.execute("LOCK TABLE token IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            lookup.find(KNOWN)
        assert time.monotonic() - began < STATEMENT_TIMEOUT_SECONDS + 1


@pytest.mark.covers("B11")
def test_frozen_server_is_unavailable_and_found_again(lookup: Lookup, owner: psycopg.Connection) -> None:
    """The whole server, so that it doesn't take the request to cancel either."""
    assert lookup.find(KNOWN)
    sessions = "SELECT pid FROM pg_stat_activity WHERE application_name = 'simsim gate'"
    processes = [pid for (pid,) in owner.execute(sessions).fetchall()]
    parent = Path(f"/proc/{owner.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1]
    processes.append(int(parent))
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            lookup.find(KNOWN)
        assert time.monotonic() - began < STATEMENT_TIMEOUT_SECONDS + CANCEL_TIMEOUT_SECONDS + 1
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
    time.sleep(PAUSE_SECONDS)
    assert lookup.find(KNOWN)


@pytest.mark.covers("R13", "B1", "B11")
def test_fenced_primary_decides_nothing(lookup: Lookup, owner: psycopg.Connection, postgresql_url: str) -> None:
    assert lookup.find(KNOWN)
    owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        owner.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)
        for digest_of_request in (KNOWN, bytes(32)):
            with pytest.raises(Unavailable):
                lookup.find(digest_of_request)
            time.sleep(PAUSE_SECONDS)
        unchecked = PostgresqlLookup(f"{postgresql_url}?target_session_attrs=any")
        with pytest.raises(Unavailable, match="does not accept writes"):
            unchecked.find(KNOWN)
    finally:
        owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
        owner.execute("SELECT pg_reload_conf()")
    time.sleep(0.2)
    assert lookup.find(KNOWN)


@pytest.mark.covers("B11")
def test_forked_child_opens_its_own_connection(lookup: Lookup) -> None:
    assert lookup.find(KNOWN)
    child = os.fork()
    if child == 0:
        try:
            found = lookup.find(KNOWN)
            lookup.close()
            os._exit(0 if found else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lookup.find(KNOWN)


def test_closed_lookup_opens_again(lookup: Lookup) -> None:
    lookup.close()
    assert lookup.find(KNOWN)
    lookup.close()
    assert lookup.find(KNOWN)


def test_expiry_is_in_utc(lookup: Lookup) -> None:
    record = lookup.find(KNOWN)
    assert record is not None
    assert record.expires_at.utcoffset() == timedelta(0)


@pytest.mark.covers("B9", "B11")
def test_nodes_are_the_credentials_of_their_scope_that_are_not_revoked(
    lookup: PostgresqlLookup, owner: psycopg.Connection
) -> None:
    owner.execute("DROP TABLE IF EXISTS management_tokens_managementtoken, accounts_user")
    owner.execute("CREATE TABLE accounts_user (id bigint, is_active boolean)")
    owner.execute(
        "CREATE TABLE management_tokens_managementtoken (digest bytea, expires_at timestamptz, allowed_networks jsonb,"
        " revoked_at timestamptz, scopes jsonb, account_id uuid, created_by_id bigint,"
        " created_by_label text DEFAULT 'operator')"
    )
    assert lookup.nodes() == []
    for mark, revoked_at, scopes in ((b"1", None, ["gate"]), (b"2", EXPIRES, ["gate"]), (b"3", None, ["read"])):
        owner.execute(
            "INSERT INTO management_tokens_managementtoken VALUES (%s, %s, %s, %s, %s)",
            (mark * 32, EXPIRES, Jsonb(["192.0.2.0/24"]), revoked_at, Jsonb(scopes)),
        )
    (found,) = lookup.nodes()
    assert (found.digest, found.expires_at) == (b"1" * 32, EXPIRES)
    assert allowlist.allows(found.allowed, allowlist.parse_address("192.0.2.9"))
    assert not allowlist.allows(found.allowed, allowlist.parse_address("198.51.100.9"))
