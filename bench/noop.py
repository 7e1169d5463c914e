"""An application that answers everything with 204, to measure the server's own cost."""

from typing import Any


async def application(_scope: Any, protocol: Any) -> None:
    protocol.response_empty(204, [])
