"""Findings about the processes of this machine: gate, console and gateway."""

import subprocess
from collections.abc import Iterator

from django.conf import settings

from simsim.gateway import nginx_program
from simsim.gateway.addresses import HEALTH_PATH, HostPort
from simsim.health.doctor.findings import Finding, not_started
from simsim.health.node import gateway_place, gateway_record, has_gateway_tls, is_console_answering, run_directory
from simsim.health.probes import port_status, reachable, socket_status
from simsim.health.serve_state import Served, read_served
from simsim.problem import Unusable

# The gateway answers this path itself. A gateway from before an upgrade asks the gate, and the refusal shows that both
# run.
HEALTHY_STATUSES = {200, 204, 401}


def gate() -> Iterator[Finding]:
    """Ask the gate whether it can decide.

    That the gate refuses a request without credentials would prove less, because that needs no database.
    """
    path = settings.OPERATOR.gate_socket
    status = socket_status(path, "/readyz")
    served = read_served(run_directory())
    if status is not None and status < 500:
        yield Finding("gate", True, f"answers on {path}")
    elif status is not None:
        yield Finding("gate", False, f"it runs on {path} but can't decide: see its lines on stderr")
    elif served is None:
        yield not_started("gate", "not started yet: start simsim serve")
    elif served.is_running:
        yield Finding("gate", False, f"nothing answers on {path}{failure_of(served, 'gate')}")
    else:
        yield Finding("gate", False, f"nothing answers on {path}, and simsim serve has ended: start it again")


def console() -> Iterator[Finding]:
    """Ask the console of this machine's `simsim serve`.

    If `simsim serve` is stopped, the finding about the gate says so.
    """
    served = read_served(run_directory())
    if served is None or not served.is_running:
        return
    place = HostPort(served.host, served.port)
    is_good = is_console_answering(served)
    yield Finding(
        "console", is_good, f"answers on {place}" if is_good else f"no answer on {place}{failure_of(served, 'console')}"
    )


def failure_of(served: Served, name: str) -> str:
    """Return the end of a sentence that says how a program of `simsim serve` failed; "" if it has not failed."""
    program = served.program(name)
    if program is None or not program.failures:
        return ""
    again = f", and restarts at {program.due_at:%H:%M:%S} UTC" if program.due_at else ""
    times = "once" if program.failures == 1 else f"{program.failures} times in a row"
    return f": it ended {times} ({program.ending}){again}. See the lines of simsim serve"


def gateway() -> Iterator[Finding]:
    """Look for nginx, and ask the gateway at the address where it was last started on this machine."""
    try:
        binary = nginx_program.find_binary()
    except Unusable as problem:
        yield Finding("gateway", False, str(problem))
        return
    said = subprocess.run([str(binary), "-v"], capture_output=True, text=True, check=False, timeout=10)
    version = said.stderr.strip().removeprefix("nginx version: ")
    if said.returncode:
        yield Finding("gateway", False, f"{binary} does not run")
        return
    record, place = gateway_record(), gateway_place()
    if place is None:
        yield not_started("gateway", f"not started on this machine; {binary}, {version}")
        return
    status = port_status(reachable(place.host), place.port, HEALTH_PATH, tls=has_gateway_tls())
    if status in HEALTHY_STATUSES:
        yield Finding("gateway", True, f"answers on {place}; {binary}, {version}")
    elif status is None:
        yield Finding(
            "gateway",
            False,
            f"nothing answers on {place}: start simsim gateway. If it is no longer needed here, delete {record}",
        )
    else:
        yield Finding("gateway", False, f"it runs on {place}, but answers every request with {status}")
