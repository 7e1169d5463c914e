"""The RSGI application of the gate, for the server behind the gateway. Does not use Django."""

from typing import Any

from simsim.config.gates import build_gate, build_tracer
from simsim.gate.rsgi import Rsgi
from simsim.operations.server_process import enter_service


class GateServer(Rsgi):
    def __rsgi_init__(self, loop: object) -> None:
        enter_service()


application: Any = GateServer(build_gate())
if tracer := build_tracer():
    from simsim.gate.traced import TracedRsgi

    application = TracedRsgi(application, tracer)
