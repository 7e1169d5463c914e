"""`simsim serve`: one supervisor runs the console, the gate and the worker."""

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from simsim.gateway.addresses import HostPort
from simsim.health.probes import is_port_free, port_status, reachable, socket_status
from simsim.health.serve_state import ServeState
from simsim.operations.context import Operator, Wiring
from simsim.operations.existing_installation import prove_files_safe
from simsim.operations.installation_lock import in_use
from simsim.operations.log_format import speaker
from simsim.operations.output import print_json
from simsim.operations.supervisor import Program, Supervisor
from simsim.problem import Unusable

START_SECONDS = 60.0
# Access for owner and group: nginx's worker may run as another user, who gets access through the group. "Others" never
# get access.
SOCKET_MODE = "0o660"
MAX_SOCKET_PATH_LENGTH = 103  # sun_path holds 104 bytes with its NUL on BSD and macOS, 108 on Linux
# The first argument of the server is the form of its messages.
SERVER = (sys.executable, "-m", "simsim.operations.http_server")
SERVER_OPTIONS = (
    *("--http", "1", "--no-ws", "--loop", "uvloop", "--log-level", "warning", "--workers-kill-timeout", "8"),
    *("--respawn-interval", "2"),  # how long a reload waits for a new process before it stops the old one
)
# When one of two processes is killed, only the requests that it was answering fail.
MIN_GATE_PROCESSES = 2
# Limits for a server that anyone can reach. It closes a connection that sends nothing for this long before, within or
# after the head of a request. It also limits the total number of connections, including silent ones; `connections`
# limits the number for each address.
OPEN_OPTIONS = ("--http1-header-read-timeout", "10000", "--backlog", "4096", "--backpressure", "4096")


def serve(
    wiring: Wiring,
    *,
    host: str,
    port: int,
    workers: int,
    with_worker: bool,
    gate_listen: str = "",
    as_json: bool = False,
) -> None:
    """Run everything until a signal asks to stop. Raises Unusable if something can't start or doesn't keep running.

    `gate_listen` is where the gate also listens; "" means the value of SIMSIM_GATE_LISTEN.
    """
    operator = wiring.operator()
    prove_files_safe(operator)
    complain = speaker("simsim", operator.log_format)
    prove_port_free(host, port, hint="choose another with --port")
    place = gate_place(operator, gate_listen)
    prove_socket_free(operator.gate_socket)
    prove = partial(prove_up_to_date, wiring=wiring)
    with (
        ExitStack() as running,
        ServeState(operator.gate_socket.parent, host=host, port=port) as state,
        Supervisor(complain, before_reload=prove, note=state.write).supervising() as supervisor,
    ):
        # Check this before anything starts: otherwise each program would report a missing key with its own traceback.
        if not prove(supervisor):
            return
        running.enter_context(in_use(operator.data_dir))
        supervisor.start(console(wiring, operator, host=host, port=port, workers=workers))
        supervisor.start(gate(wiring, operator, workers=workers))
        if place:
            supervisor.start(gate_listener(wiring, operator, place, workers=workers))
        if with_worker:
            supervisor.start(worker(wiring))
        if wait_for_all(supervisor, operator, host=host, port=port, place=place):
            announce(operator, host=host, port=port, place=place, as_json=as_json)
            supervisor.watch()


def console(wiring: Wiring, operator: Operator, *, host: str, port: int, workers: int = 1) -> Program:
    """Return the program that serves the console."""
    listening = ("--interface", "asgi", "--host", host, "--port", str(port), "--workers", str(workers))
    command = (*SERVER, operator.log_format.value, *SERVER_OPTIONS, *OPEN_OPTIONS, *listening, wiring.console)
    return Program("console", command, takes_hangup=True)


def gate(wiring: Wiring, operator: Operator, *, workers: int = 1) -> Program:
    """Return the program that serves the gate on its Unix socket."""
    socket = ("--uds", str(operator.gate_socket), "--uds-permissions", SOCKET_MODE)
    options = ("--interface", "rsgi", "--workers", str(max(workers, MIN_GATE_PROCESSES)), *socket)
    command = (*SERVER, operator.log_format.value, *SERVER_OPTIONS, *options, wiring.gate)
    return Program("gate", command, leftovers=(operator.gate_socket,), takes_hangup=True)


def gate_listener(wiring: Wiring, operator: Operator, place: HostPort, *, workers: int = 1) -> Program:
    """Return the program that serves the gate on a port, for proxies that can't reach its socket."""
    processes = str(max(workers, MIN_GATE_PROCESSES))
    listening = ("--interface", "asgi", "--host", place.host, "--port", str(place.port), "--workers", processes)
    command = (*SERVER, operator.log_format.value, *SERVER_OPTIONS, *OPEN_OPTIONS, *listening, wiring.gate_listener)
    return Program("gate listener", command, takes_hangup=True)


def gate_place(operator: Operator, option: str) -> HostPort | None:
    """Return where the gate also listens, or None if only on its socket. Raises Unusable if it can't listen there."""
    name = "--gate-listen" if option else "SIMSIM_GATE_LISTEN"
    place = operator.parse_gate_listen(option or operator.gate_listen, name=name)
    if place:
        prove_port_free(place.host, place.port, hint=f"choose another with {name}")
    return place


def worker(wiring: Wiring) -> Program:
    return Program("worker", (*wiring.this_command, "worker"))


def wait_for_all(supervisor: Supervisor, operator: Operator, *, host: str, port: int, place: HostPort | None) -> bool:
    """Return True once gate and console answer, False when asked to stop first; raise Unusable if the gate doesn't.

    A console that does not answer is reported, and is restarted as long as the gate runs.
    """
    waits = partial(supervisor.wait_until, seconds=START_SECONDS)
    if not waits(lambda: socket_status(operator.gate_socket, "/healthz") is not None, name="The gate", of="gate"):
        return False
    if place and not waits(
        lambda: port_status(reachable(place.host), place.port, "/healthz") is not None,
        name="The gate's listener",
        of="gate listener",
    ):
        return False
    at = reachable(host)
    try:
        return waits(lambda: port_status(at, port, "/healthz") is not None, name="The console", of="console")
    except Unusable as problem:
        supervisor.say(f"{problem}. The gate continues without the console")
        supervisor.watch()
        return False


def prove_port_free(host: str, port: int, *, hint: str) -> None:
    if not is_port_free(host, port):
        raise Unusable(
            "Port %(port)s on %(host)s is in use or may not be used: %(hint)s", port=str(port), host=host, hint=hint
        )


def prove_up_to_date(supervisor: Supervisor, *, wiring: Wiring) -> bool:
    """Return True when `simsim migrate` has nothing to do, False when asked to stop first; raise Unusable otherwise.

    A separate process checks, so that Django's memory is freed when it ends.
    """
    return supervisor.run_to_end(Program("check", (*wiring.this_command, "migrate", "--check"), is_quiet=True))


def prove_socket_free(path: Path) -> None:
    """Raise Unusable if a gate already answers on the socket, or if the path is too long for a socket."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_LENGTH:
        raise Unusable("SIMSIM_DATA_DIR: %(path)s is too long for a socket's path", path=str(path))
    if socket_status(path, "/healthz") is not None:
        raise Unusable("A gate already runs on %(path)s: stop it, or choose another SIMSIM_DATA_DIR", path=str(path))


def announce(operator: Operator, *, host: str, port: int, place: HostPort | None, as_json: bool) -> None:
    """Print where everything answers."""
    gate, listener = str(operator.gate_socket), str(place) if place else None
    if as_json:
        where = {"base_url": operator.base_url, "host": host, "port": port, "gate": gate, "gate_listen": listener}
        print_json(where)
    else:
        also = f", and for trusted proxies {listener}" if listener else ""
        sys.stdout.write(f"Console: {operator.base_url} (on {host} port {port})\nGate: {gate}{also}\n")
        sys.stdout.write("Ctrl-C stops everything.\n")
    sys.stdout.flush()
