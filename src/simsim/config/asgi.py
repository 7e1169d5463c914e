"""The console, its files and the management API, with the gate beside them on the same port."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from simsim.config import environment
from simsim.config.forwarded import as_told
from simsim.config.gates import build_gate
from simsim.console.files import CollectedFiles
from simsim.gate.app import HEALTHZ, READYZ, VERIFY
from simsim.gate.asgi import Asgi, Receive, Scope, Send
from simsim.operations.processes import end_with_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
GATE_PATHS = frozenset({VERIFY, HEALTHZ, READYZ})


class Application:
    """Sends the gate's paths to the gate and files past Django, which speaks no lifespan protocol."""

    def __init__(self) -> None:
        operator = environment.read()
        operator.prove_secrets()
        self._trusted = operator.trusted_networks()
        self._gate = Asgi(build_gate())
        self._django: Any = get_asgi_application()
        self._files = CollectedFiles(Path(settings.STATIC_ROOT), settings.STATIC_URL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            end_with_server()
            await self._gate(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in self._files:
            await self._files(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] not in GATE_PATHS:
            await self._django(as_told(scope, self._trusted), receive, send)
        else:
            await self._gate(scope, receive, send)


application = Application()
