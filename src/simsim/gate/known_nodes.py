"""The nodes that may ask the gate from another host: each names itself by the password of a management token.

A revocation holds for the next question, as it does for the tokens of callers.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simsim.credential import allowlist, management_password
from simsim.credential.allowlist import Address
from simsim.credential.digest import digest
from simsim.gate.lookup import Lookup, Node

Nodes = Mapping[bytes, Node]


class KnownNodes:
    """The credentials of nodes, read again whenever they may have changed. There are few, so all are read at once.

    The lookup belongs to this object alone: `admits_together` uses it in a thread.
    """

    def __init__(self, lookup: Lookup, clock: Callable[[], float] = time.time) -> None:
        self._lookup = lookup
        self._clock = clock
        self._nodes: Nodes = {}
        self._version: object | None = None
        self._running: asyncio.Task[Nodes] | None = None
        self._next: asyncio.Task[Nodes] | None = None

    def admits(self, password: str, address: Address | None) -> bool:
        """Whether a node with this password may ask from this address now. Raises Unavailable."""
        if not management_password.is_well_formed(password):
            return False
        # Read the version before the rows, as the gate does: they are newer than it, never older.
        version = self._lookup.version()
        if version is None or version is not self._version:
            self._nodes, self._version = _by_digest(self._lookup), version
        return _admits(self._nodes, password, address, self._clock())

    async def admits_together(self, password: str, address: Address | None) -> bool:
        """Return what `admits` does, where each read takes a round trip: all who wait share the next one."""
        if not management_password.is_well_formed(password):
            return False
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._running))
        # Whoever stops waiting must not end the read for the others.
        return _admits(await asyncio.shield(self._next), password, address, self._clock())

    def close(self) -> None:
        """Close the database; the next question opens it again."""
        self._lookup.close()

    async def _read_after(self, running: "asyncio.Task[Nodes] | None") -> Nodes:
        if running is not None and not running.done():
            await asyncio.wait([running])
        # Whoever asks from here on waits for another read: this one may begin before a change that they must see.
        self._running, self._next = self._next, None
        return await asyncio.to_thread(_by_digest, self._lookup)


def _by_digest(lookup: Lookup) -> Nodes:
    return {node.digest: node for node in lookup.nodes()}


def _admits(nodes: Nodes, password: str, address: Address | None, now: float) -> bool:
    proof = digest(password)
    node = nodes.get(proof)
    if node is None or not hmac.compare_digest(node.digest, proof):
        return False
    return datetime.fromtimestamp(now, UTC) < node.expires_at and allowlist.allows(node.allowed, address)
