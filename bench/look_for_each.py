"""The gate on PostgreSQL with one SELECT for each request, during which the event loop waits."""

from simsim.config import gate_settings
from simsim.config.gates import open_lookup
from simsim.gate.app import Gate
from simsim.gate.rsgi import Rsgi
from simsim.gate.spool import Spool

settings = gate_settings.read()
application = Rsgi(Gate(open_lookup(settings), Spool(settings.spool_dir), settings.trusted_networks))
