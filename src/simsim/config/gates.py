"""Builds the gate from the operator's settings, for every server. Does not use Django."""

from collections.abc import Callable
from functools import cache, partial

from simsim.config import gate_settings
from simsim.config.gate_settings import GateSettings
from simsim.gate.app import Gate
from simsim.gate.counters import FILE_NAME, Counters
from simsim.gate.known_nodes import KnownNodes
from simsim.gate.lookup import Lookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.shared_gate import SharedGate
from simsim.gate.spool import ENDS, NODE_ENDS, Spool
from simsim.gate.worker_health import read_worker_health
from simsim.operations.log_format import speaker
from simsim.problem import Unusable
from simsim.traces.spans import Tracer, make_tracer


def build_gate() -> Gate:
    """Return a gate on the operator's database and spool; the first request opens them.

    Raises Unusable for a bad setting, and for one that needs a package that is not installed.
    """
    try:
        return gate_of(gate_settings.read())
    except ModuleNotFoundError as missing:
        raise Unusable(
            "The package %(name)s is not installed. PostgreSQL needs simsim[postgresql]; simsim[server] has everything",
            name=str(missing.name),
        ) from missing


def gate_of(settings: GateSettings) -> Gate:
    spool = settings.spool_dir
    # Import the shared look, and with it the PostgreSQL driver, only for PostgreSQL, as below.
    gate: Callable[..., Gate] = Gate
    if not settings.is_embedded:
        from simsim.gate.shared_look import SharedLook  # noqa: PLC0415

        gate = partial(SharedGate, open_look=partial(SharedLook, settings.database_url))
    return gate(
        open_lookup(settings),
        spool=Spool(spool),
        trusted=settings.trusted_networks,
        worker_health=partial(read_worker_health, spool),
        limits=failure_limits(),
        counters=counters(),
        say=speaker("simsim gate", settings.log_format),
        announces_expiry=settings.announce_expiry,
        accepts_bearer=settings.accept_bearer,
    )


@cache
def failure_limits() -> FailureLimits:
    """Return the limits of this process, whose threads may have a gate each."""
    settings = gate_settings.read()
    return FailureLimits(settings.failures_per_address, settings.failures_per_username)


@cache
def counters() -> Counters:
    """Return the counts of this machine, which all threads of the process share."""
    return Counters(gate_settings.read().spool_dir / FILE_NAME)


def open_ends() -> Spool:
    """Return the spool in which a middleware writes how requests ended."""
    return Spool(gate_settings.read().spool_dir, stem=ENDS)


def known_nodes() -> KnownNodes:
    """Return the credentials with which nodes on other hosts ask this gate."""
    return KnownNodes(open_lookup(gate_settings.read()))


def open_node_ends() -> Spool:
    """Return the spool for the lines in which such nodes tell how requests ended."""
    return Spool(gate_settings.read().spool_dir, stem=NODE_ENDS)


def build_tracer() -> Tracer | None:
    """Return what makes the gate's spans, or None if traces are off."""
    return make_tracer("gate", speaker("simsim gate", gate_settings.read().log_format))


def open_lookup(settings: GateSettings) -> Lookup:
    """Return the lookup on the operator's database. Opens nothing: the first `find` does."""
    # Import the PostgreSQL driver only here: a gate on SQLite saves its 30 ms and 10 MB.
    if settings.is_embedded:
        from simsim.gate.lookup_sqlite import SqliteLookup  # noqa: PLC0415

        return SqliteLookup(settings.database_path)
    from simsim.gate.lookup_postgresql import PostgresqlLookup  # noqa: PLC0415

    return PostgresqlLookup(settings.database_url)
