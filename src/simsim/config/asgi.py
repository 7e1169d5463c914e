"""The ASGI application of the console and its files. It has no `/gate/verify`: the gate has its own processes."""

import gc
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import get_resolver

from simsim.config import environment
from simsim.config.forwarded import as_forwarded, is_trusted, last_value
from simsim.config.gates import build_gate
from simsim.console.body_limits import BodyLimits
from simsim.console.static_files import StaticFiles
from simsim.console.traced import console_tracer
from simsim.gate.app import HEALTHZ, READYZ
from simsim.gate.asgi import Asgi, Receive, Scope, Send
from simsim.gate.request_id import new_request_id, parse_request_id
from simsim.health.endpoint import MetricsEndpoint
from simsim.operations.connections import bound_connections
from simsim.operations.log_format import request_id
from simsim.operations.server_process import LastAnswers, enter_service
from simsim.traces import settings as trace_settings
from simsim.traces import spans

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
REQUEST_ID = b"x-request-id"
HEALTH_PATHS = frozenset({HEALTHZ, READYZ})
# Django makes tens of thousands of objects for a page, and nearly all are freed without a collection. By default,
# one would begin after each 700.
YOUNG_OBJECTS = 20_000


class ConsoleServer:
    """Answers health checks and requests for files, and the lifespan protocol, all without Django."""

    def __init__(self) -> None:
        operator = environment.read()
        operator.prove_secrets()
        self._trusted = operator.trusted_networks()
        self._gate = Asgi(build_gate())
        self._django: Any = BodyLimits(get_asgi_application(), self._trusted)
        self._metrics = MetricsEndpoint(operator.metrics_access())
        self._files = StaticFiles(Path(settings.STATIC_ROOT), settings.STATIC_URL)
        load_pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            enter_service()
            bound_connections(self._trusted)
            await self._gate(scope, receive, send)
            if trace_settings.is_on():
                console_tracer().close()
        elif scope["type"] == "http" and scope["path"] in self._files:
            await self._files(scope, receive, send)
        elif scope["type"] == "http" and self._metrics.takes(scope):
            await self._metrics(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            await self._converse(scope, receive, send)
        else:
            await self._gate(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have Django answer. Each message that it logs meanwhile carries the id that the answer shows."""
        trusts = is_trusted(scope, self._trusted)
        given = last_value(scope, REQUEST_ID) if trusts else ""
        named = parse_request_id(given) or new_request_id()
        # Each request is a task of its own, so no other sees this value.
        request_id.set(named)
        spans.named.set(named)
        spans.given.set(last_value(scope, b"traceparent") if trusts else "")

        async def send_named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (REQUEST_ID, named.encode())]
            await send(message)

        await self._django(as_forwarded(scope, self._trusted), receive, send_named)


def load_pages() -> None:
    """Load the code of every page, and exclude it from garbage collection: it is never garbage, and long to scan."""
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


application = LastAnswers(ConsoleServer())
