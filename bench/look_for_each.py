"""The gate on PostgreSQL with one SELECT for each request, during which the event loop waits."""

from simsim.config import environment
from simsim.config.gates import open_lookup
from simsim.gate.app import Gate
from simsim.gate.rsgi import Rsgi
from simsim.gate.spool import Spool

operator = environment.read()
application = Rsgi(Gate(open_lookup(operator), Spool(operator.spool_dir), operator.trusted_networks()))
