"""The gate on its TCP listener, for trusted proxies. Knows no Django."""

from simsim.config import environment
from simsim.config.gates import build_gate
from simsim.gate.asgi import Asgi, Receive, Scope, Send
from simsim.operations.connections import bound_connections
from simsim.operations.processes import end_with_server


class GateListener(Asgi):
    """ASGI and not RSGI: these proxies pass on what their clients sent, and the gate must see every byte of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            end_with_server()
            bound_connections(environment.read().trusted_networks())
        await super().__call__(scope, receive, send)


application = GateListener(build_gate())
