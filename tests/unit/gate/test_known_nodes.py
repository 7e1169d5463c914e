"""Which nodes may ask the gate from other hosts: each question meets what was committed before it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from gate_database import Database
from simsim.credential import management_password
from simsim.credential.allowlist import Address, parse_address
from simsim.credential.digest import digest
from simsim.gate.known_nodes import KnownNodes
from simsim.gate.lookup import Lookup, Node, Unavailable
from simsim.gate.lookup_sqlite import SqliteLookup

pytestmark = pytest.mark.covers("B9", "B2")
NEAR = parse_address("192.0.2.1")
FAR = parse_address("198.51.100.1")
Admits = Callable[[str, Address | None], bool]


class Rows:
    """A database that a test answers for, in the thread that asks."""

    def __init__(self, *passwords: str) -> None:
        self.passwords = [*passwords]
        self.reads = 0
        self.begins, self.goes_on = threading.Event(), threading.Event()

    def nodes(self) -> list[Node]:
        self.reads += 1
        found = [Node(digest(each), datetime.now(UTC) + timedelta(days=1), b"") for each in self.passwords]
        self.begins.set()
        assert self.goes_on.wait(20)
        return found

    def close(self) -> None:
        self.passwords = []


def known(rows: Rows) -> KnownNodes:
    return KnownNodes(cast("Lookup", rows))


@pytest.fixture
def nodes(database: Database) -> Iterator[KnownNodes]:
    opened = KnownNodes(SqliteLookup(database.path))
    yield opened
    opened.close()


def test_node_is_admitted_until_it_is_revoked(database: Database, nodes: KnownNodes) -> None:
    password = database.add_node()
    for _ in range(3):
        assert nodes.admits(password, NEAR)
    assert not nodes.admits(management_password.mint(), NEAR)
    assert not nodes.admits("simm_", NEAR)
    database.revoke_node(password)
    assert not nodes.admits(password, NEAR)
    assert nodes.admits(database.add_node(), None)


def test_nodes_are_read_again_only_after_a_commit(database: Database) -> None:
    class Counting(SqliteLookup):
        reads = 0

        def nodes(self) -> list[Node]:
            self.reads += 1
            return super().nodes()

    lookup, password = Counting(database.path), database.add_node()
    opened = KnownNodes(lookup)
    for _ in range(9):
        assert opened.admits(password, NEAR)
    # The first read opens the database, and only then is there a version.
    assert lookup.reads == 2
    database.add()
    assert (opened.admits(password, NEAR), lookup.reads) == (True, 3)
    opened.close()


def test_node_is_bound_to_its_networks_and_its_expiry(database: Database) -> None:
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    near = database.add_node("192.0.2.0/24", expires_at=ends)
    old = database.add_node(expires_at=ends)
    clock = [ends.timestamp() - 0.001]
    opened = KnownNodes(SqliteLookup(database.path), lambda: clock[0])
    assert [opened.admits(near, address) for address in (NEAR, FAR, None)] == [True, False, False]
    assert opened.admits(old, FAR)
    clock[0] = ends.timestamp()
    assert not opened.admits(old, FAR)
    opened.close()


def test_nodes_are_unknown_while_the_database_is_away(database: Database, nodes: KnownNodes) -> None:
    password = database.add_node()
    database.connection.execute("DROP TABLE management_tokens_managementtoken")
    with pytest.raises(Unavailable):
        nodes.admits(password, NEAR)


def test_who_waits_shares_one_read_and_who_comes_later_another() -> None:
    first, second = management_password.mint(), management_password.mint()
    rows = Rows(first)

    async def ask() -> list[bool]:
        nodes = known(rows)
        together = [asyncio.create_task(nodes.admits_together(first, NEAR)) for _ in range(50)]
        await asyncio.to_thread(rows.begins.wait, 20)
        # The read under way began before this change, so it must not answer whoever asks after it.
        rows.passwords = [second]
        later = [asyncio.create_task(nodes.admits_together(each, NEAR)) for each in (first, second, second)]
        await asyncio.sleep(0.05)
        assert rows.reads == 1
        rows.goes_on.set()
        return await asyncio.gather(*together, *later)

    assert asyncio.run(ask()) == [True] * 50 + [False, True, True]
    assert rows.reads == 2


def test_who_stops_waiting_does_not_end_the_read_of_the_others() -> None:
    password = management_password.mint()
    rows = Rows(password)

    async def ask() -> bool:
        nodes = known(rows)
        left, stays = (asyncio.create_task(nodes.admits_together(password, NEAR)) for _ in range(2))
        await asyncio.to_thread(rows.begins.wait, 20)
        left.cancel()
        rows.goes_on.set()
        assert not await nodes.admits_together("simm_", NEAR)
        return await stays

    assert asyncio.run(ask())
