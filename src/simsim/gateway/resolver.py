"""Keeps the addresses of the API's name up to date."""

import threading
import time

from simsim.gateway.addresses import HostPort, resolve
from simsim.problem import Unusable

RESOLVE_SECONDS = 2.0


class Resolver(threading.Thread):
    """Resolves a host's name again and again; `addresses` holds the latest result.

    It is a thread, because a resolver that does not answer blocks for many seconds.
    """

    def __init__(self, address: HostPort) -> None:
        super().__init__(daemon=True, name="resolve the API's name")
        self.address = address
        self.addresses = resolve(address)

    def run(self) -> None:
        while True:
            time.sleep(RESOLVE_SECONDS)
            try:
                self.addresses = resolve(self.address)
            except Unusable:
                continue  # the known addresses may still answer
