"""The ASGI application of the gate on its TCP listener, for trusted proxies and for nodes. Does not use Django."""

from typing import Any

from simsim.config import gate_settings
from simsim.config.gates import build_gate, build_tracer, known_nodes, open_node_ends
from simsim.gate.asgi import Receive, Scope, Send
from simsim.gate.node_door import NodeDoor
from simsim.operations.connections import bound_connections
from simsim.operations.server_process import LastAnswers, enter_service


class GateListener(NodeDoor):
    """Uses ASGI, not RSGI: these proxies pass on their clients' headers, and the gate must see every byte of them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            enter_service()
            bound_connections(gate_settings.read().trusted_networks)
        await super().__call__(scope, receive, send)


listener: Any = GateListener(build_gate(), known_nodes(), open_node_ends())
if tracer := build_tracer():
    from simsim.gate.traced import TracedAsgi

    listener = TracedAsgi(listener, tracer, gate_settings.read().trusted_networks)
application = LastAnswers(listener)
