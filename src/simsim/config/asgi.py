"""The ASGI application of the console and its files. It has no `/gate/verify`: the gate has its own processes."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from simsim.config import environment
from simsim.config.forwarded import as_forwarded
from simsim.config.gates import build_gate
from simsim.console.body_limits import BodyLimits
from simsim.console.static_files import StaticFiles
from simsim.gate.app import HEALTHZ, READYZ
from simsim.gate.asgi import Asgi, Receive, Scope, Send
from simsim.operations.connections import bound_connections
from simsim.operations.server_process import LastAnswers, enter_service

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
HEALTH_PATHS = frozenset({HEALTHZ, READYZ})


class ConsoleServer:
    """Answers health checks and files before Django, and the lifespan protocol, which Django does not support."""

    def __init__(self) -> None:
        operator = environment.read()
        operator.prove_secrets()
        self._trusted = operator.trusted_networks()
        self._gate = Asgi(build_gate())
        self._django: Any = BodyLimits(get_asgi_application(), self._trusted)
        self._files = StaticFiles(Path(settings.STATIC_ROOT), settings.STATIC_URL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            enter_service()
            bound_connections(self._trusted)
            await self._gate(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in self._files:
            await self._files(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            await self._django(as_forwarded(scope, self._trusted), receive, send)
        else:
            await self._gate(scope, receive, send)


application = LastAnswers(ConsoleServer())
