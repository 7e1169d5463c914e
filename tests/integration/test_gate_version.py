"""The version that the gates on PostgreSQL watch moves with every change of what they read, in the order of commits."""

import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import gate_version
import postgresql_server
import preloaded
from own_installation import DJANGO, environment_of
from stack import Stack, settled

# Each test has a PostgreSQL database of its own.
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]

DEPENDENCIES = """
    SELECT DISTINCT depend.refobjid::regclass::text, attribute.attname::text
    FROM pg_rewrite AS rule
    JOIN pg_depend AS depend ON depend.classid = 'pg_rewrite'::regclass AND depend.objid = rule.oid
    JOIN pg_attribute AS attribute ON attribute.attrelid = depend.refobjid AND attribute.attnum = depend.refobjsubid
    WHERE rule.ev_class = 'verifiable_token'::regclass AND depend.refobjsubid > 0 AND depend.refobjid <> rule.ev_class
"""
KIND = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s"
ADD = "INSERT INTO tokens_token (digest, name) VALUES (%s, 'Warehouse')"
RENAME = "UPDATE tokens_token SET name = name || 'x' WHERE digest = %s"
ONE, TWO = b"1" * 32, b"2" * 32


def connect(url: str, **more: Any) -> psycopg.Connection:
    """Connect with a bound on each wait for a lock, so that a mistake that waits for ever is caught."""
    return psycopg.connect(url, options="-c lock_timeout=2s", **more)


class Follower:
    """Reads the version as a gate does, and knows which tokens it has been told of."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.known = self.version()

    def version(self) -> int:
        ((version,),) = self.connection.execute("SELECT version FROM tokens_gateversion").fetchall()
        return int(version)

    def changed(self) -> set[bytes | None]:
        """Return the tokens that have changed since the last call; None in it stands for every token."""
        known, self.known = self.known, self.version()
        rows = self.connection.execute(
            "SELECT digest FROM tokens_gatecommit AS past JOIN tokens_gatechange ON commit_id = past.id"
            " WHERE version > %s AND version <= %s",
            (known, self.known),
        ).fetchall()
        ((commits,),) = self.connection.execute(
            "SELECT count(*) FROM tokens_gatecommit WHERE version > %s AND version <= %s", (known, self.known)
        ).fetchall()
        return {digest for (digest,) in rows} if commits == self.known - known else {None}


@pytest.fixture(scope="module")
def url() -> str:
    return postgresql_server.create_database(f"version_{secrets.token_hex(4)}")


@contextmanager
def following(url: str) -> Iterator[Follower]:
    with connect(url, autocommit=True) as connection:
        yield Follower(connection)


def run(check: Callable[[str, Follower], None], url: str, sql: str) -> None:
    """Run a check on a small table of tokens, with this SQL of the migration."""
    with connect(url, autocommit=True) as owner:
        owner.execute(gate_version.SCHEMA.encode())
        owner.execute(sql.encode())
        owner.execute(ADD, (ONE,))
        owner.execute(ADD, (TWO,))
    with following(url) as follower:
        check(url, follower)


def check_every_kind_of_change(url: str, follower: Follower) -> None:
    with connect(url, autocommit=True) as owner:
        for statement, values, expected in (
            (RENAME, (ONE,), {ONE}),
            ("UPDATE tokens_token SET name = name", (), set()),
            ("UPDATE tokens_token SET previous_digest = digest, digest = 'n' WHERE digest = %s", (ONE,), {ONE, b"n"}),
            ("UPDATE tokens_token SET name = 'y' WHERE digest = 'n'", (), {ONE, b"n"}),
            ("DELETE FROM tokens_token WHERE digest = 'n'", (), {ONE, b"n"}),
            (ADD, (ONE,), {ONE}),
            ("UPDATE tokens_token SET revoked_at = now()", (), {ONE, TWO}),
            ("INSERT INTO tokens_token (digest) SELECT int4send(n) FROM generate_series(1, 1000) AS n", (), None),
            ("TRUNCATE tokens_token", (), {None}),
        ):
            owner.execute(statement.encode(), values)
            changed = follower.changed()
            assert None in changed if expected is None else changed == expected, statement
        # As replication applies rows.
        owner.execute("SET session_replication_role = replica")
        owner.execute(ADD, (TWO,))
        assert follower.changed() == {TWO}


def check_savepoints(url: str, follower: Follower) -> None:
    with connect(url) as owner:
        with owner.transaction():
            with owner.transaction(force_rollback=True):
                owner.execute(RENAME, (ONE,))
            owner.execute(RENAME, (TWO,))
            owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
            owner.execute(RENAME, (ONE,))
        assert follower.changed() == {ONE, TWO}
        with owner.transaction(force_rollback=True):
            owner.execute(RENAME, (ONE,))
        assert follower.changed() == set()
        owner.execute(RENAME, (ONE,))
        assert follower.changed() == set()
        owner.commit()
        assert follower.changed() == {ONE}


def check_order_of_commits(url: str, follower: Follower) -> None:
    """The transaction that changed first commits last; each commit is learned of when it has returned."""
    with connect(url) as first, connect(url) as second:
        first.execute(RENAME, (ONE,))
        second.execute(RENAME, (TWO,))
        second.commit()
        assert follower.changed() == {TWO}
        first.commit()
        assert follower.changed() == {ONE}
    # At COMMIT, while a transaction that drew its version has not ended, no later one is seen.
    with connect(url) as first, connect(url) as second:
        first.execute(RENAME, (ONE,))
        first.execute("SET CONSTRAINTS ALL IMMEDIATE")
        second.execute(RENAME, (TWO,))
        with ThreadPoolExecutor() as threads:
            committing = threads.submit(second.commit)
            time.sleep(0.1)
            seen = follower.changed()
            first.commit()
            committing.result()
        assert seen | follower.changed() == {ONE, TWO}


def check_long_transaction_holds_nobody_up(url: str, follower: Follower) -> None:
    with connect(url) as first, connect(url) as second:
        first.execute(RENAME, (ONE,))
        second.execute(RENAME, (TWO,))
        second.commit()
        first.rollback()
    assert follower.changed() == {TWO}


def check_trimmed_commits_leave_a_gap(url: str, follower: Follower) -> None:
    with connect(url, autocommit=True) as owner:
        for _ in range(8):
            owner.execute(RENAME, (ONE,))
        ((commits, changes),) = owner.execute(
            "SELECT (SELECT count(*) FROM tokens_gatecommit), (SELECT count(*) FROM tokens_gatechange)"
        ).fetchall()
    assert (commits, changes) == (4, 4)
    assert follower.changed() == {None}


CHECKS = (
    check_every_kind_of_change, check_savepoints, check_order_of_commits, check_long_transaction_holds_nobody_up,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.covers("R13", "B1", "B11")
def test_version_moves_with(check: Callable[[str, Follower], None], url: str) -> None:
    run(check, url, gate_version.statements())


@pytest.mark.covers("R13", "B1", "B11")
def test_old_commits_are_trimmed_and_leave_a_gap_that_is_noticed(url: str) -> None:
    kept = f"moved - {gate_version.MIGRATION.KEPT_COMMITS}"
    assert kept in gate_version.statements()
    run(check_trimmed_commits_leave_a_gap, url, gate_version.statements().replace(kept, "moved - 4"))


# Each pair turns the migration into one with a known mistake.
MUTANTS = {
    "moved by the statement, not at COMMIT": ("DEFERRABLE INITIALLY DEFERRED", ""),
    "counted without the row's lock": (
        "INSERT INTO tokens_gateversion AS kept VALUES (1, 1)\n"
        "        ON CONFLICT (id) DO UPDATE SET version = kept.version + 1 RETURNING kept.version INTO moved;",
        "SELECT count(*) + 1 INTO moved FROM tokens_gatecommit WHERE version IS NOT NULL;\n"
        "    UPDATE tokens_gateversion SET version = moved WHERE version < moved AND pg_try_advisory_xact_lock(7);",
    ),
    "insertions left to the application": ("AFTER INSERT OR DELETE ON tokens_token", "AFTER DELETE ON tokens_token"),
    "updates of one column only": ("AFTER UPDATE ON tokens_token", "AFTER UPDATE OF revoked_at ON tokens_token"),
    "the former password forgotten": ("ARRAY[OLD.digest, OLD.previous_digest]", "ARRAY[OLD.digest]"),
    "the new password forgotten": ("ARRAY[NEW.digest, NEW.previous_digest]", "ARRAY[NEW.previous_digest]"),
    "truncation unnoticed": ("AFTER TRUNCATE ON tokens_token", "BEFORE INSERT ON tokens_token"),
    "rows of replication unnoticed": ("ALTER TABLE tokens_token ENABLE ALWAYS TRIGGER tokens_token_note;", ""),
    "only the first rows noted": ("INSERT INTO tokens_gatechange VALUES (ours, NULL);", "NULL;"),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.covers("R13", "B1", "B11")
def test_every_known_mistake_is_caught(mutant: str, url: str) -> None:
    right, wrong = MUTANTS[mutant]
    assert right in gate_version.statements()
    caught = 0
    for check in CHECKS:
        try:
            run(check, url, gate_version.statements().replace(right, wrong))
        except (AssertionError, psycopg.Error):
            caught += 1
    assert caught


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database that `simsim migrate` has made, with an account and a token."""
    stack = Stack(tmp_path_factory.mktemp("migrated"), on_postgresql=True)
    stack.copy(settled(on_postgresql=True))
    stack.create_token("Warehouse")
    return stack.database_url


@pytest.mark.covers("R13", "B1", "B11")
def test_every_column_that_the_view_reads_moves_the_version(migrated: str) -> None:
    """A table or column that the view gets one day can't be forgotten: each is changed here."""
    with following(migrated) as follower, connect(migrated, autocommit=True) as owner:
        shown = {bytes(digest) for (digest,) in owner.execute("SELECT digest FROM verifiable_token").fetchall()}
        columns = owner.execute(DEPENDENCIES).fetchall()
        assert {table for table, _ in columns} == {"tokens_token"}, "does each table of the view have the triggers?"
        assert len(columns) >= 9
        for table, column in columns:
            with owner.transaction():
                # Drop what would refuse any value; the triggers alone are tried.
                owner.execute("SET LOCAL session_replication_role = replica")
                ((kind,),) = owner.execute(KIND, (table, column)).fetchall()
                other = {
                    "uuid": "gen_random_uuid()", "bytea": "sha256(random()::text::bytea)", "boolean": f"NOT {column}",
                    "timestamp with time zone": "clock_timestamp()", "character varying": "md5(random()::text)",
                    "text": "md5(random()::text)",
                }[kind]  # fmt: skip
                owner.execute(f"UPDATE {table} SET {column} = {other}".encode())
            after = {bytes(digest) for (digest,) in owner.execute("SELECT digest FROM verifiable_token").fetchall()}
            assert shown | after <= follower.changed(), column
            shown = after


@pytest.mark.covers("B11")
def test_work_that_changes_no_token_moves_nothing(migrated: str) -> None:
    with following(migrated) as follower, connect(migrated, autocommit=True) as owner:
        token, account = owner.execute("SELECT id, account_id FROM tokens_token").fetchall()[0]
        owner.execute(
            "INSERT INTO request_log_tokenuse (token_id, account_id, used_at, address) VALUES (%s, %s, now(), '')",
            (token, account),
        )
        owner.execute("UPDATE accounts_user SET last_login = now()")
        assert follower.changed() == set()


@pytest.mark.covers("R13", "B11")
def test_role_that_may_only_change_tokens_moves_the_version(migrated: str) -> None:
    """The triggers act as their owner, so that nobody needs rights on the gates' tables."""
    role = f"clerk_{secrets.token_hex(4)}"
    with following(migrated) as follower, connect(migrated, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role}")
        owner.execute(f"GRANT SELECT, UPDATE ON tokens_token TO {role}")
        owner.execute(f"SET ROLE {role}")
        owner.execute("SET search_path = pg_catalog")
        owner.execute("UPDATE public.tokens_token SET revoked_at = clock_timestamp()")
        assert follower.changed()


@pytest.mark.covers("B11")
def test_migration_works_in_a_schema_of_another_role_and_back(tmp_path: Path) -> None:
    database, role = f"owned_{secrets.token_hex(4)}", f"simsim_{secrets.token_hex(4)}"
    url = postgresql_server.create_database(database)
    with connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute('CREATE SCHEMA "Its own"')
        owner.execute(f'GRANT USAGE, CREATE ON SCHEMA "Its own" TO {role}')
        owner.execute(f'ALTER ROLE {role} SET search_path = "Its own"')
    theirs = url.replace("postgres@", f"{role}@")
    environment = environment_of(tmp_path, theirs) | DJANGO
    done = preloaded.run(["migrate", "--json"], env=environment)
    assert done.returncode == 0, done.stderr
    assert "Migrated the database “default”" in json.loads(done.stdout)["done"]
    with connect(theirs, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO accounts_account (id, name, created_at) VALUES (%s, 'Acme', now())", (uuid.UUID(int=1),)
        )
    with following(theirs) as follower, connect(theirs, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tokens_token (id, account_id, name, description, expires_at, allowed_networks, allowlist,"
            " digest, sealed_password, created_at, created_by_label, revoked_by_label, revocation_reason)"
            " VALUES (%s, %s, 'a', '', now(), '[]', '', %s, '', now(), '', '', '')",
            (uuid.UUID(int=2), uuid.UUID(int=1), ONE),
        )
        assert follower.changed() == {ONE}
        connection.execute(gate_version.MIGRATION.REMOVE.encode())
        connection.execute("DELETE FROM tokens_token")
