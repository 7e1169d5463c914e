"""The server's own cost: an application that says 204 to everything."""

from typing import Any


async def application(_scope: Any, protocol: Any) -> None:
    protocol.response_empty(204, [])
