"""The status of an installation in one value: for `simsim status` and for the operator's page in the console."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TypeVar

from django.db import DatabaseError, connections

from simsim.forwarding.status import ForwardingStatus
from simsim.gate import worker_health
from simsim.gateway.addresses import HEALTH_PATH, HostPort
from simsim.health import installation, node
from simsim.health.installation import MailQueue, TokenCounts, WorkerHealth
from simsim.health.node import Disk, ProgramHealth
from simsim.health.probes import port_status, reachable
from simsim.health.serve_state import Served
from simsim.request_log.ship.backlog import Waiting
from simsim.rfc3339 import format_time

Part = TypeVar("Part")
MAX_SILENCE = timedelta(seconds=worker_health.MAX_SILENCE_SECONDS)
MAX_LAG = timedelta(seconds=worker_health.MAX_UNSHIPPED_SECONDS)


@dataclass(frozen=True)
class Database:
    """A database; `size_bytes` is None when it does not answer."""

    alias: str
    product: str
    size_bytes: int | None


@dataclass(frozen=True)
class Gateway:
    """Where the gateway of this node was last told to listen, and whether it answers there."""

    place: HostPort
    is_answering: bool


@dataclass(frozen=True)
class Status:
    """The parts, as of `at`. A part is None when the database that it needs does not answer.

    `served`, `gateway` and `disk` are also None where no such thing was started, `unshipped` when no line waits.
    """

    at: datetime
    version: str
    host: str
    is_gate_ready: bool
    is_console_answering: bool
    served: Served | None
    programs: list[ProgramHealth]
    gateway: Gateway | None
    disk: Disk | None
    unshipped: Waiting | None
    databases: list[Database]
    workers: list[WorkerHealth] | None
    mail: MailQueue | None
    forwarding: ForwardingStatus | None
    tokens: TokenCounts | None


def read_status(now: datetime) -> Status:
    """Return the present status. Counts no row of the log."""
    served = node.served_here()
    return Status(
        at=now,
        version=version("simsim"),
        host=socket.gethostname(),
        is_gate_ready=node.is_gate_ready(),
        is_console_answering=served is not None and node.is_console_answering(served),
        served=served,
        programs=node.programs(served) if served else [],
        gateway=gateway(),
        disk=node.disk(),
        unshipped=_read(node.unshipped),
        databases=[database(alias) for alias in connections],
        workers=_read(lambda: installation.workers(now)),
        mail=_read(lambda: installation.mail_queue(now)),
        forwarding=_read(lambda: installation.forwarding_queue(now)),
        tokens=_read(lambda: installation.token_counts(now)),
    )


def database(alias: str) -> Database:
    return Database(alias, connections[alias].display_name, _read(lambda: installation.database_bytes(alias)))


def gateway() -> Gateway | None:
    place = node.gateway_place()
    if place is None:
        return None
    status = port_status(reachable(place.host), place.port, HEALTH_PATH, tls=node.has_gateway_tls())
    return Gateway(place, status is not None and status < 500)


def document(status: Status) -> dict[str, object]:
    """Return the status as JSON."""
    return {
        "at": format_time(status.at),
        "version": status.version,
        "host": status.host,
        "gate_ready": status.is_gate_ready,
        "console_answers": status.is_console_answering,
        "programs": [_program(each, status.served) for each in status.programs],
        "gateway": status.gateway and {"listen": str(status.gateway.place), "answers": status.gateway.is_answering},
        "log": {
            "unshipped_bytes": status.unshipped.size_bytes if status.unshipped else 0,
            "oldest_at": format_time(status.unshipped.since) if status.unshipped else None,
        },
        "disk": status.disk and vars(status.disk),
        "databases": [vars(each) for each in status.databases],
        "workers": status.workers and [_worker(each) for each in status.workers],
        "mail": status.mail and {**vars(status.mail), "oldest": format_time(status.mail.oldest)},
        "forwarding": status.forwarding
        and {**vars(status.forwarding), "oldest": format_time(status.forwarding.oldest)},
        "tokens": status.tokens and vars(status.tokens),
    }


def _program(found: ProgramHealth, served: Served | None) -> dict[str, object]:
    state, family = found.state, found.family
    return {
        "name": state.name,
        "running": bool(served and served.is_running and state.due_at is None),
        "since": format_time(state.started_at),
        "processes": family and family.processes,
        "resident_bytes": family and family.resident_bytes,
        "failures": state.failures,
        "ending": state.ending or None,
        "restarts_at": format_time(state.due_at),
    }


def _worker(found: WorkerHealth) -> dict[str, object]:
    row = found.row
    return {
        "host": row.host,
        "node": row.node,
        "version": row.version or None,
        "since": format_time(row.started_at),
        "last_round_at": format_time(row.round_at),
        "oldest_unshipped_at": format_time(row.unshipped_since),
        "failing": row.failing,
        "stopped_at": format_time(row.stopped_at),
    }


def _read(part: Callable[[], Part]) -> Part | None:
    try:
        return part()
    except DatabaseError:
        return None
