"""Builds the gate from the operator's settings, for every server. Knows no Django."""

from functools import partial

from simsim.config import environment
from simsim.gate.app import Gate
from simsim.gate.lookup import open_lookup
from simsim.gate.spool import Spool
from simsim.gate.worker_health import read_worker_health


def build_gate() -> Gate:
    """Return a gate on the operator's database and spool; the first request opens them."""
    operator = environment.read()
    database = operator.database_path if operator.is_embedded else operator.database_url
    spool = operator.spool_dir
    return Gate(
        open_lookup(database),
        Spool(spool),
        operator.trusted_networks(),
        worker_health=partial(read_worker_health, spool),
    )
