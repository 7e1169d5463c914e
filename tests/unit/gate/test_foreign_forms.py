"""Imported credentials open the gate; without any, whoever sends another form is refused as before."""

import asyncio
import json
import uuid
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

import gate_version
from gate_database import ACME, STAMP, Database
from simsim.credential import basic
from simsim.credential.decision import UNDECIDED, Cause, Credentials, Decision
from simsim.credential.digest import imported_digest, sha256_of
from simsim.gate import answer
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.foreign_forms import LEASE_SECONDS, ForeignForms
from simsim.gate.lookup_postgresql import PostgresqlLookup
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.shared_gate import SharedGate
from simsim.gate.shared_look import SharedLook
from simsim.gate.spool import Spool

SECRET = "correct horse battery staple"
# With the account's id, and with a username of its own.
USERNAMES = [str(ACME), "wärehouse@acme.example"]


def header(username: str, password: str = SECRET) -> bytes:
    return b"Basic " + b64encode(f"{username}:{password}".encode())


def asked(username: str, password: str = SECRET) -> Request:
    return Request("", "GET", VERIFY, [header(username, password)], ["203.0.113.9"])


def digest_for(username: str) -> bytes:
    return imported_digest(username, sha256_of(SECRET))


def bring(database: Database, username: str) -> None:
    expires = (datetime.now(UTC) + timedelta(days=1)).strftime(STAMP)
    row = (
        digest_for(username),
        uuid.uuid4().hex,
        ACME.hex,
        "Warehouse",
        expires,
        None,
        b"",
        None,
        0,
        None,
        None,
        "",
        "",
    )
    database.connection.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.connection.execute("INSERT INTO tokens_importedcredentials VALUES (?)", (digest_for(username),))


def lines(spool_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(spool_dir.iterdir()) for line in path.read_text().splitlines()]


def learned(gate: Gate) -> None:
    """Let the gate's “no” end, as it does before an import ends."""
    gate._foreign._no_until = 0.0


@pytest.mark.parametrize("username", USERNAMES)
def test_imported_credentials_open_the_gate(gate: Gate, database: Database, spool_dir: Path, username: str) -> None:
    strangers = [gate.verify(each) for each in (asked(username), asked(username, "sim_x"), asked("x", "y"))]
    assert {(said.status, said.body) for said in strangers} == {(401, answer.UNAUTHORIZED_BODY)}
    bring(database, username)
    learned(gate)
    for _ in range(2):
        said = gate.verify(asked(username))
        assert (said.status, dict(said.headers)["x-simsim-account"]) == (204, str(ACME))
        assert lines(spool_dir)[-1]["account"] == str(ACME)
    wrong = [(username, SECRET + "!"), (str(uuid.uuid4()), SECRET), (username.upper(), SECRET), ("x", SECRET)]
    assert {gate.verify(asked(*each)).status for each in wrong} == {401}
    assert lines(spool_dir)[-4]["account"] == (username if username == str(ACME) else None)


def test_until_the_first_import_garbage_costs_one_question_a_second() -> None:
    clock = [10.0]
    forms = ForeignForms(lambda: clock[0])
    assert forms.asks_at() == 10.0
    forms.learn(10.0, are_admitted=False)
    clock[0] = 10.0 + LEASE_SECONDS - 0.01
    assert (forms.asks_at(), forms.are_admitted) == (None, False)
    clock[0] = 10.0 + LEASE_SECONDS
    assert forms.asks_at() == clock[0]
    forms.learn(clock[0], are_admitted=True)
    clock[0] += 1e9
    assert (forms.asks_at(), forms.are_admitted) == (None, True)


def test_gate_that_can_not_ask_does_not_decide(gate: Gate, database: Database) -> None:
    database.connection.execute("DROP TABLE tokens_importedcredentials")
    assert gate.verify(asked("x")).status == 503


@pytest.mark.parametrize(("username", "cause"), [(str(ACME), Cause.PASSWORD_FORM), ("x", Cause.USERNAME_FORM)])
@pytest.mark.parametrize("password", ["", "a\nb", "a\x7fb", "a\x85b"])
def test_control_characters_are_no_imported_form(username: str, cause: Cause, password: str) -> None:
    parsed = basic.parse([header(username, password)], admits_foreign=True)
    assert isinstance(parsed, Decision)
    assert parsed.cause == cause


def test_parser_takes_other_forms_only_when_told_so() -> None:
    for username in USERNAMES:
        own = None if "@" in username else username
        parsed = basic.parse([header(username)], admits_foreign=True)
        assert parsed == Credentials(own, digest_for(username))
        assert basic.is_foreign(basic.parse([header(username)]))
        assert not basic.is_foreign(parsed)
    assert basic.parse([header("", "x")], admits_foreign=True) == basic.USERNAME_FORM
    assert not basic.is_foreign(basic.NO_COLON)


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(gate_version.SCHEMA + gate_version.statements())
        yield connection


@pytest.mark.parametrize("username", USERNAMES)
def test_imported_credentials_open_the_gate_on_postgresql(
    owner: psycopg.Connection, postgresql_url: str, spool_dir: Path, username: str
) -> None:
    lookup = PostgresqlLookup(postgresql_url)

    async def play() -> None:
        gate = SharedGate(lookup, partial(SharedLook, postgresql_url), Spool(spool_dir), say=lambda _: None)
        try:
            assert {(await gate.verify_together(asked(username))).status for _ in range(2)} == {401}
            assert not lookup.holds_imported()
            gate_version.add_token(owner, digest_for(username), 1, datetime.now(UTC) + timedelta(days=1))
            owner.execute("INSERT INTO tokens_importedcredentials VALUES (%s)", (digest_for(username),))
            learned(gate)
            assert {(await gate.verify_together(asked(username))).status for _ in range(2)} == {204}
            assert gate.verify(asked(username)).status == 204
            assert (await gate.verify_together(asked(username, SECRET + "!"))).status == 401
            assert lookup.holds_imported()
            owner.execute("UPDATE tokens_token SET revoked_at = now()")
            assert (await gate.verify_together(asked(username))).status == 401
        finally:
            gate.close()

    asyncio.run(play())


def test_shared_gate_that_can_not_ask_does_not_decide(
    owner: psycopg.Connection, postgresql_url: str, spool_dir: Path
) -> None:
    owner.execute("DROP TABLE tokens_importedcredentials")
    gate = SharedGate(
        PostgresqlLookup(postgresql_url), partial(SharedLook, postgresql_url), Spool(spool_dir), say=lambda _: None
    )

    async def play() -> None:
        said = await gate._parsed_together([header("x")])
        assert said is UNDECIDED
        assert (await gate.verify_together(asked("x"))).status == 503
        gate.close()

    asyncio.run(play())


def test_lookup_says_whether_any_were_imported(database: Database) -> None:
    lookup = SqliteLookup(database.path)
    assert not lookup.holds_imported()
    bring(database, "x")
    assert lookup.holds_imported()
    lookup.close()
