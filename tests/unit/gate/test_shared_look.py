"""Looks that requests share, at a real PostgreSQL: one round trip, one connection, and an end to every wait."""

import asyncio
import hashlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

import gate_version
import postgresql_front
import postgresql_server
from gate_database import ACME
from simsim.credential.decision import Record
from simsim.gate import look_connection, waiting_room
from simsim.gate.lookup import Unavailable
from simsim.gate.lookup_postgresql import CANCEL_TIMEOUT_SECONDS, PAUSE_SECONDS, STATEMENT_TIMEOUT_SECONDS
from simsim.gate.shared_look import SharedLook

EXPIRES = datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KNOWN, OTHER = (hashlib.sha256(text).digest() for text in (b"known", b"other"))
GATES = "SELECT pid FROM pg_stat_activity WHERE application_name = 'simsim gate' AND datname = current_database()"


@pytest.fixture
def owner(postgresql_url: str) -> Iterator[psycopg.Connection]:
    """A connection that changes what the gate reads, with two tokens in the table."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(gate_version.SCHEMA + gate_version.statements())
        for number, digest in enumerate((KNOWN, OTHER)):
            gate_version.add_token(connection, digest, number, EXPIRES)
        yield connection


class Forgotten(list[Any]):
    """What the gate was told to forget."""

    def __call__(self, digests: Collection[bytes] | None) -> None:
        self.append(digests if digests is None else set(digests))


@asynccontextmanager
async def opened(url: str, forgotten: Forgotten | None = None) -> AsyncIterator[SharedLook]:
    look = SharedLook(url, Forgotten() if forgotten is None else forgotten)
    try:
        yield look
    finally:
        look.close()
        await asyncio.sleep(0)


Test = Callable[[SharedLook, Forgotten], Awaitable[None]]


@pytest.fixture
def play(owner: psycopg.Connection, postgresql_url: str) -> Callable[[Test], None]:
    """Run a coroutine with a look that is opened before and closed afterwards."""

    async def playing(test: Test) -> None:
        forgotten = Forgotten()
        async with opened(postgresql_url, forgotten) as look:
            await test(look, forgotten)

    return lambda test: asyncio.run(playing(test))


async def record(look: SharedLook, digest: bytes = KNOWN) -> Record | None:
    return (await look.join(digest)).records.get(digest)


def sessions(owner: psycopg.Connection) -> list[int]:
    return [pid for (pid,) in owner.execute(GATES).fetchall()]


@pytest.mark.covers("R13", "R15", "B1")
def test_look_shows_the_row_and_each_change_of_it(play: Callable[[Test], None], owner: psycopg.Connection) -> None:
    async def test(look: SharedLook, forgotten: Forgotten) -> None:
        found = await record(look)
        assert found is not None
        assert (found.token_id, found.account_id, found.name) == (str(uuid.UUID(int=0)), str(ACME), "Warehouse")
        assert (found.digest, found.expires_at, found.revoked) == (KNOWN, EXPIRES, False)
        assert (found.allowlist, found.superseded_at, found.report_only) == (b"", None, False)
        forgotten.clear()
        before = (await look.join(None)).version
        assert await record(look, bytes(32)) is None
        assert look.version is before
        owner.execute("UPDATE tokens_token SET revoked_at = now() WHERE digest = %s", (KNOWN,))
        seen = await look.join(None)
        assert (seen.version is look.version, seen.version is before, seen.records) == (True, False, {})
        assert forgotten == [{KNOWN}]
        found = await record(look)
        assert found is not None
        assert found.revoked
        owner.execute("UPDATE tokens_token SET digest = 'x', previous_digest = %s WHERE digest = %s", (KNOWN, KNOWN))
        owner.execute("DELETE FROM tokens_token WHERE digest = %s", (OTHER,))
        assert await record(look, b"x") is not None
        assert forgotten[-1] == {b"x", KNOWN, OTHER}
        for _ in range(look_connection.MAX_FOLLOWED_COMMITS + 1):
            owner.execute("UPDATE tokens_token SET name = name || 'x'")
        await look.join(None)
        owner.execute("TRUNCATE tokens_token")
        await look.join(None)
        assert forgotten[-2:] == [None, None]

    play(test)


@pytest.mark.covers("B1", "B11")
def test_requests_that_wait_share_one_look_each_in_its_turn(
    play: Callable[[Test], None], owner: psycopg.Connection
) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(None)
        first = look.join(None)  # its look is sent at once
        owner.execute("UPDATE tokens_token SET name = 'Later' WHERE digest = %s", (KNOWN,))
        others = [look.join(KNOWN), look.join(None), look.join(OTHER)]
        cancelled = look.join(KNOWN)
        cancelled.cancel()  # its client has gone
        seen = await asyncio.gather(*others)
        assert first.done()
        assert {id(each) for each in seen} == {id(seen[0])}
        assert set(seen[0].records) == {KNOWN, OTHER}
        later = seen[0].records[KNOWN]
        assert later is not None
        assert later.name == "Later"
        assert len(sessions(owner)) == 1

    play(test)


@pytest.mark.covers("B1")
def test_two_tokens_with_one_password_decide_nothing(play: Callable[[Test], None], owner: psycopg.Connection) -> None:
    owner.execute("INSERT INTO tokens_token SELECT * FROM tokens_token WHERE digest = %s", (KNOWN,))

    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        seen = await look.join(KNOWN)
        assert seen.records == {KNOWN: None}

    play(test)


@pytest.mark.covers("B11")
def test_connection_that_is_cut_is_made_again_once_for_all(
    play: Callable[[Test], None], owner: psycopg.Connection
) -> None:
    async def test(look: SharedLook, forgotten: Forgotten) -> None:
        await asyncio.gather(*(look.join(KNOWN) for _ in range(50)))
        (before,) = sessions(owner)
        # Cut while nobody waits: noticed at once, and the next request connects.
        owner.execute("SELECT pg_terminate_backend(%s, 1000)", (before,))
        look._sent_at -= 60.0  # long ago
        await asyncio.sleep(0.2)
        assert look.version is None
        await asyncio.gather(*(look.join(KNOWN) for _ in range(50)))
        (between,) = sessions(owner)
        # Cut in the middle of a look.
        waits = [look.join(KNOWN) for _ in range(50)]
        owner.execute("SELECT pg_terminate_backend(%s, 1000)", (between,))
        waits += [look.join(OTHER) for _ in range(50)]
        seen = await asyncio.gather(*waits)
        assert all(each.records for each in seen)
        (after,) = sessions(owner)
        assert len({before, between, after}) == 3
        # Closed before the look could be sent.
        assert look._connection is not None
        look._connection.finish()
        assert await record(look)
        assert forgotten.count(None) >= 3

    play(test)


@pytest.mark.covers("R16", "B11")
def test_server_that_is_away_refuses_all_at_once_and_is_asked_again_after_a_pause(
    play: Callable[[Test], None], owner: psycopg.Connection
) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(KNOWN)
        owner.execute("ALTER VIEW verifiable_token RENAME TO hidden")
        refused = await asyncio.gather(*(look.join(KNOWN) for _ in range(50)), return_exceptions=True)
        assert {type(each) for each in refused} == {Unavailable}
        with pytest.raises(Unavailable, match="in a moment"):
            look.join(KNOWN)
        owner.execute("ALTER VIEW hidden RENAME TO verifiable_token")
        await asyncio.sleep(PAUSE_SECONDS)
        assert await record(look)
        owner.execute("DELETE FROM tokens_gateversion")
        with pytest.raises(Unavailable, match="version of the tokens is missing"):
            await look.join(KNOWN)

    play(test)


@pytest.mark.covers("B11")
def test_nobody_answers_at_the_address(postgresql_url: str) -> None:
    async def test() -> None:
        async with opened(postgresql_server.url(postgresql_server.free_port(), "x")) as look:
            refused = await asyncio.gather(look.join(KNOWN), look.join(None), return_exceptions=True)
            assert [str(each) for each in refused] == ["PostgreSQL: OperationalError"] * 2

    asyncio.run(test())


@pytest.mark.covers("R16", "B11")
def test_every_wait_has_a_bound_and_never_blocks_the_loop(
    play: Callable[[Test], None], owner: psycopg.Connection
) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(KNOWN)
        with owner.transaction():
            owner.execute("LOCK TABLE tokens_token IN ACCESS EXCLUSIVE MODE")
            began, ticks = time.monotonic(), 0
            gone = look.join(None)
            wait = look.join(KNOWN)
            gone.cancel()
            while not wait.done():
                await asyncio.sleep(0.01)
                ticks += 1
            with pytest.raises(Unavailable, match="TimeoutError"):
                await wait
            assert time.monotonic() - began < STATEMENT_TIMEOUT_SECONDS + 1
            assert ticks > 50
            await asyncio.sleep(CANCEL_TIMEOUT_SECONDS)
            assert sessions(owner) == []

    play(test)


@pytest.mark.covers("R16", "B11")
def test_frozen_server_is_unavailable_and_found_again(play: Callable[[Test], None], owner: psycopg.Connection) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(KNOWN)
        parent = Path(f"/proc/{owner.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1]
        frozen = [*sessions(owner), int(parent)]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await look.join(KNOWN)
            assert time.monotonic() - began < STATEMENT_TIMEOUT_SECONDS + 1
            await asyncio.sleep(PAUSE_SECONDS)
            # A new connection gets no answer either.
            with pytest.raises(Unavailable):
                await look.join(KNOWN)
            assert time.monotonic() - began < 3 * STATEMENT_TIMEOUT_SECONDS + 2
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)
        await asyncio.sleep(PAUSE_SECONDS)
        assert await record(look)

    play(test)


@pytest.mark.covers("R13", "B1", "B11")
def test_fenced_primary_decides_nothing(
    play: Callable[[Test], None], owner: psycopg.Connection, postgresql_url: str
) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(KNOWN)
        owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            owner.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.2)
            with pytest.raises(Unavailable):
                await look.join(None)
            async with opened(f"{postgresql_url}?target_session_attrs=any") as unchecked:
                with pytest.raises(Unavailable, match="does not accept writes"):
                    await unchecked.join(None)
        finally:
            owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
            owner.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(PAUSE_SECONDS)
        assert await record(look)

    play(test)


@pytest.mark.covers("R13", "B1", "B11")
def test_view_that_is_created_anew_is_another_server(play: Callable[[Test], None], owner: psycopg.Connection) -> None:
    async def test(look: SharedLook, forgotten: Forgotten) -> None:
        await look.join(KNOWN)
        with owner.transaction():
            owner.execute("ALTER VIEW verifiable_token RENAME TO former")
            owner.execute("CREATE VIEW verifiable_token AS SELECT * FROM former")
        before = look.version
        assert before is not None
        seen = await look.join(None)
        assert seen.version.number == before.number
        assert seen.version.server != before.server
        assert forgotten[-1] is None

    play(test)


@pytest.mark.covers("R16", "B11")
def test_more_waiters_than_there_is_room_for_are_refused_at_once(
    play: Callable[[Test], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_room, "MAX_WAITING", 3)

    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        waits = [look.join(KNOWN) for _ in range(3)]
        with pytest.raises(Unavailable, match="too many"):
            look.join(KNOWN)
        await asyncio.gather(*waits)

    play(test)


@pytest.mark.covers("B11")
def test_look_for_more_digests_than_a_socket_takes_is_sent_whole(play: Callable[[Test], None]) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        await look.join(None)
        first = look.join(None)
        digests = [os.urandom(9000) for _ in range(4000)]
        waits = [look.join(digest) for digest in digests[:-1]]
        waits.append(look.join(KNOWN))
        seen = await asyncio.gather(*waits)
        assert set(seen[0].records) == {KNOWN}
        await first

    play(test)


@pytest.mark.covers("B11")
def test_closing_refuses_whoever_waits_and_the_next_request_opens_again(play: Callable[[Test], None]) -> None:
    async def test(look: SharedLook, _forgotten: Forgotten) -> None:
        connecting = look.join(KNOWN)
        await asyncio.sleep(0)
        look.close()
        with pytest.raises(Unavailable, match="closing"):
            await connecting
        await look.join(KNOWN)
        asking = look.join(KNOWN)
        look.close()
        with pytest.raises(Unavailable, match="closing"):
            await asking
        assert await record(look)

    play(test)


def test_another_loop_gets_another_connection(owner: psycopg.Connection, postgresql_url: str) -> None:
    look = SharedLook(postgresql_url, Forgotten())

    async def once() -> None:
        assert await record(look)

    async def once_and_close() -> None:
        await once()
        look.close()

    asyncio.run(once())
    asyncio.run(once_and_close())


@pytest.mark.covers("R13", "B1", "B11")
def test_gates_that_share_a_pooler_s_sessions_see_each_change(owner: psycopg.Connection) -> None:
    async def test(url: str) -> None:
        gates = [SharedLook(url, Forgotten()) for _ in range(4)]
        for number in range(10):
            owner.execute("UPDATE tokens_token SET name = %s WHERE digest = %s", (str(number), KNOWN))
            for look in gates:
                found = await record(look)
                assert found is not None
                assert (found.name, found.expires_at) == (str(number), EXPIRES)
        for look in gates:
            look.close()

    with postgresql_front.pooler(postgresql_server.start()) as port:
        asyncio.run(test(postgresql_server.url(port, owner.info.dbname)))


@pytest.mark.covers("B11")
def test_plan_of_a_look_is_cheap_before_the_tables_were_ever_analyzed(owner: psycopg.Connection) -> None:
    """PostgreSQL compiles a statement that it takes for expensive, which takes a second."""
    with psycopg.connect(owner.info.dsn) as connection:
        connection.execute("CREATE INDEX ON tokens_token (digest)")
        connection.execute("CREATE INDEX ON tokens_token (previous_digest)")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE look (int8, bytea[]) AS {look_connection._LOOK}".encode())
        ((plan,),) = connection.execute("EXPLAIN (FORMAT JSON) EXECUTE look (0, '{}')").fetchall()
        ((bound,),) = connection.execute("SELECT current_setting('jit_above_cost')::float").fetchall()
        assert plan[0]["Plan"]["Total Cost"] < bound / 10
