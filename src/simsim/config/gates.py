"""Builds the gate from the operator's settings, for every server that asks it. Knows no Django."""

from simsim.config import environment
from simsim.gate.app import Gate
from simsim.gate.lookup import open_lookup
from simsim.gate.spool import Spool


def build_gate() -> Gate:
    """Return a gate on the operator's database and spool; nothing is opened before it is first asked."""
    operator = environment.read()
    database = operator.database_path if operator.is_embedded else operator.database_url
    return Gate(open_lookup(database), Spool(operator.spool_dir), operator.trusted_networks())
