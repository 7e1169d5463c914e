"""`/metrics` over HTTP, answered before Django's middleware: a monitor asks by an address that people do not type."""

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from simsim.gate.asgi import Receive, Scope, Send
from simsim.health.access import MetricsAccess

PATH = "/metrics"


class MetricsEndpoint:
    """The ASGI application of PATH, for the callers to whom `access` is given. `takes` says whether it is theirs."""

    def __init__(self, access: MetricsAccess) -> None:
        self._access = access

    def takes(self, scope: Scope) -> bool:
        """Whether this request is for the metrics, and its caller may read them. Any other finds no such path."""
        if scope["path"] != PATH or scope["method"] not in {"GET", "HEAD"}:
            return False
        client = scope.get("client")
        return self._access.is_given(client[0] if client else None, list(scope["headers"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        async with ThreadSensitiveContext():
            body = await sync_to_async(_read)()
        headers = [
            (b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _read() -> bytes:
    # The models can be imported only after Django has started, and the server imports this module before.
    from simsim.health.exposition import exposition  # noqa: PLC0415

    try:
        return exposition(timezone.now())
    finally:
        # Outside of Django's handler nothing else closes the connections of this thread.
        connections.close_all()
