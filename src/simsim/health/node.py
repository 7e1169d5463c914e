"""This node: its gate, its programs, its spool and disk, and what it has shipped."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from simsim.gate import disk_reserve
from simsim.gateway.addresses import HostPort, parse_listen
from simsim.health.probes import port_status, reachable, socket_status
from simsim.health.processes import Family, family_of
from simsim.health.serve_state import ProgramState, Served, read_served
from simsim.problem import Unusable
from simsim.request_log import node_totals
from simsim.request_log.ship import save
from simsim.request_log.ship.backlog import Waiting, spool_name, waiting_bytes

_listening = re.compile(r"^\s*listen\s+([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Disk:
    """The spool and its disk, in bytes; `has_reserve`: the gate has room to release when the disk is full."""

    spool_bytes: int
    free_bytes: int
    size_bytes: int
    has_reserve: bool


@dataclass(frozen=True)
class ProgramHealth:
    """A program of `simsim serve`, and its processes, or None if it does not run or nothing is known of them."""

    state: ProgramState
    family: Family | None


def run_directory() -> Path:
    """Return the folder in which running processes leave their sockets and state."""
    return settings.OPERATOR.gate_socket.parent


def gateway_record() -> Path:
    """Return the file with which the last `simsim gateway` of this node was started."""
    return run_directory() / "gateway" / "nginx.conf"


def listening_place(record: Path) -> HostPort | None:
    """Return where the gateway listens according to its configuration, or None if it has none."""
    try:
        found = _listening.search(record.read_text(encoding="utf-8"))
        return parse_listen(found[1]) if found else None
    except (OSError, UnicodeDecodeError, Unusable):
        return None


def gateway_place() -> HostPort | None:
    """Return the address on which this node's gateway was last started to listen, or None if it never was."""
    return listening_place(gateway_record())


def has_gateway_tls() -> bool:
    """Whether the gateway of this node was last started with a certificate."""
    return "ssl_certificate " in gateway_record().read_text(encoding="utf-8")


def is_gate_ready() -> bool:
    """Whether the gate on this node answers that it can decide."""
    return socket_status(settings.OPERATOR.gate_socket, "/readyz") == 200


def is_console_answering(served: Served) -> bool:
    """Whether the console of this node's `simsim serve` answers."""
    return port_status(reachable(served.host), served.port, "/healthz", tls=served.tls) == 200


def programs(served: Served) -> list[ProgramHealth]:
    """Return the programs of this node's `simsim serve`; without processes if it has ended."""
    return [
        ProgramHealth(each, family_of(each.pid) if served.is_running and each.pid else None) for each in served.programs
    ]


def served_here() -> Served | None:
    """Return the state of this node's `simsim serve`, or None if it has never run here."""
    return read_served(run_directory())


def disk() -> Disk | None:
    """Return the size of the spool and of its disk, or None if there is no spool."""
    spool = settings.OPERATOR.spool_dir
    try:
        usage = shutil.disk_usage(spool)
        with os.scandir(spool) as found:
            files = [each.stat().st_size for each in found if each.name != disk_reserve.NAME]
    except OSError:
        return None
    return Disk(sum(files), usage.free, usage.total, disk_reserve.is_kept(spool))


def unshipped() -> Waiting | None:
    """Return the size of the lines that wait to be shipped, and the time of the oldest; None if none waits."""
    spool = settings.OPERATOR.spool_dir
    return waiting_bytes(spool, save.positions()) if spool.is_dir() else None


def shipped() -> dict[tuple[str, str], float]:
    """Return the totals of this node (see `node_totals`), empty before its first worker has run."""
    name = spool_name(settings.OPERATOR.spool_dir)
    return node_totals.totals_of(name) if name else {}
