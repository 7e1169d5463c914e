"""The RSGI application of the gate, for the server behind the gateway. Does not use Django."""

from simsim.config.gates import build_gate
from simsim.gate.rsgi import Rsgi
from simsim.operations.server_process import enter_service


class GateServer(Rsgi):
    def __rsgi_init__(self, loop: object) -> None:
        enter_service()


application = GateServer(build_gate())
