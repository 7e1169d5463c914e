"""The parts with which a middleware works: a gate in this process or elsewhere, and the file of how requests end."""

from functools import cache
from typing import TYPE_CHECKING

from simsim.config import remote_gates
from simsim.config.gates import build_gate, open_ends
from simsim.gate.app import Gate
from simsim.gate.spool import Spool
from simsim.middleware.remote.remote_gate import RemoteGate

if TYPE_CHECKING:
    from simsim.middleware.remote.link import Link


def build_parts() -> tuple[Gate | RemoteGate, Spool]:
    """Return a gate and a spool of ends, as the settings say; both belong to one thread. Raises Unusable."""
    elsewhere = link()
    if elsewhere is None:
        return build_gate(), open_ends()
    return RemoteGate(elsewhere, elsewhere.settings.trusted_networks), open_ends()


@cache
def link() -> "Link | None":
    """Return the connections of this process to a gate elsewhere, or None if there is no such gate. Raises Unusable."""
    settings = remote_gates.read()
    if settings is None:
        return None
    from simsim.middleware.remote.link import Link  # noqa: PLC0415 - only here is the HTTP client worth loading

    # No worker has made it here.
    settings.spool_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Link(settings)
