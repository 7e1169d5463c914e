"""The gate of a middleware on a host without a database: it asks a gate elsewhere, for each request.

It keeps no verdict: a question is sent after its request has arrived, so a revocation that has returned is met.
"""

from typing import TYPE_CHECKING

from simsim.gate.address import locate
from simsim.gate.answer import Answer
from simsim.gate.app import Request
from simsim.gate.node_question import encode
from simsim.middleware.remote.answers import AWAY

if TYPE_CHECKING:
    from simsim.middleware.remote.link import Link


class RemoteGate:
    """Answers as `gate.app.Gate` does. All gates of a process share one link."""

    def __init__(self, link: "Link", trusted: bytes) -> None:
        self._link = link
        self._trusted = trusted

    def verify(self, request: Request, *, is_preflight: bool = False) -> Answer:
        """Return the gate's answer to one request, 503 if it can't be asked. Never raises.

        The gate lets a preflight pass without credentials once its line is in the log.
        """
        if not self._link.may_ask():
            return AWAY
        try:
            said = self._link.ask(self._question(request, is_preflight))
        except Exception as error:
            return self._link.fail(error)
        return self._link.hear(said, is_preflight=is_preflight)

    async def verify_together(self, request: Request, *, is_preflight: bool = False) -> Answer:
        """Return what `verify` does, in an event loop."""
        if not self._link.may_ask():
            return AWAY
        try:
            said = await self._link.ask_together(self._question(request, is_preflight))
        except Exception as error:
            return self._link.fail(error)
        return self._link.hear(said, is_preflight=is_preflight)

    def close(self) -> None:
        """Send the lines that wait, and end the connections."""
        self._link.close()

    async def close_together(self) -> None:
        """Do what `close` does, in an event loop."""
        await self._link.close_together()

    def _question(self, request: Request, is_preflight: bool) -> bytes:
        # The load balancers in front of the node are the node's to know, not the gate's.
        address = locate(request.peer, request.forwarded_for, self._trusted).address
        return encode(request, address, is_preflight=is_preflight)
