"""`simsim serve`: the console, the gate and the worker as programs of one supervisor."""

import ipaddress
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from simsim import sqlite_library
from simsim.operations.output import print_json
from simsim.operations.probing import is_port_free, port_status, socket_status
from simsim.operations.processes import Program, Supervisor
from simsim.operations.wiring import Operator, Wiring
from simsim.problem import Unusable

START_SECONDS = 60.0
# Owner and group: nginx's worker may be another user, who is let in through the group, never through "others".
SOCKET_MODE = "0o660"
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes with its NUL on BSD and macOS, 108 on Linux
SERVER = (sys.executable, "-m", "granian")
SERVER_OPTIONS = ("--http", "1", "--no-ws", "--loop", "uvloop", "--log-level", "warning", "--workers-kill-timeout", "8")


def serve(wiring: Wiring, *, host: str, port: int, workers: int, with_worker: bool, as_json: bool = False) -> None:
    """Run everything until a signal asks to stop. Raises Unusable when it can't start or won't keep running."""
    operator = wiring.operator()
    sqlite_library.prove_safe()
    prove_port_free(host, port, hint="choose another with --port")
    prove_socket_free(operator.gate_socket)
    with Supervisor(complain).supervising() as supervisor:
        # Before anything starts: each program would tell of a key that is missing in a traceback of its own.
        if not prove_up_to_date(supervisor, wiring):
            return
        supervisor.start(console(wiring, host=host, port=port, workers=workers))
        supervisor.start(gate(wiring, operator, workers=workers))
        if with_worker:
            supervisor.start(worker(wiring))
        if wait_for_both(supervisor, operator, host=host, port=port):
            announce(operator, host=host, port=port, as_json=as_json)
            supervisor.watch()


def console(wiring: Wiring, *, host: str, port: int, workers: int = 1) -> Program:
    """Return the program of console and management API."""
    listening = ("--interface", "asgi", "--host", host, "--port", str(port), "--workers", str(workers))
    return Program("console", (*SERVER, *SERVER_OPTIONS, *listening, wiring.console))


def gate(wiring: Wiring, operator: Operator, *, workers: int = 1) -> Program:
    """Return the program of the gate on its Unix socket."""
    socket = ("--uds", str(operator.gate_socket), "--uds-permissions", SOCKET_MODE)
    options = ("--interface", "rsgi", "--workers", str(workers), *socket)
    command = (*SERVER, *SERVER_OPTIONS, *options, wiring.gate)
    return Program("gate", command, leftovers=(operator.gate_socket,))


def worker(wiring: Wiring) -> Program:
    return Program("worker", (*wiring.this_command, "worker"))


def wait_for_both(supervisor: Supervisor, operator: Operator, *, host: str, port: int) -> bool:
    """Return True once console and gate answer, False when asked to stop before; raise Unusable when they don't."""
    questions: dict[str, Callable[[], int | None]] = {
        "the console": partial(port_status, reachable(host), port, "/healthz"),
        "the gate": partial(socket_status, operator.gate_socket, "/healthz"),
    }
    return all(
        supervisor.wait_until(lambda ask=ask: ask() is not None, name=name, seconds=START_SECONDS)  # type: ignore[misc]
        for name, ask in questions.items()
    )


def reachable(host: str) -> str:
    """Return an address that reaches a server listening on `host`: loopback for the wildcards."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def prove_port_free(host: str, port: int, *, hint: str) -> None:
    if not is_port_free(host, port):
        raise Unusable(
            "Port %(port)s on %(host)s is in use or may not be used: %(hint)s", port=str(port), host=host, hint=hint
        )


def prove_up_to_date(supervisor: Supervisor, wiring: Wiring) -> bool:
    """Return True when `simsim migrate` has nothing to do, False when asked to stop before; raise Unusable otherwise.

    A process of its own looks: Django's memory ends with it.
    """
    return supervisor.run_to_end(Program("check", (*wiring.this_command, "migrate", "--check"), is_quiet=True))


def prove_socket_free(path: Path) -> None:
    """Raise Unusable when a gate answers on the socket already, or when its path is too long for one."""
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise Unusable("SIMSIM_DATA_DIR: %(path)s is too long for the path of a socket", path=str(path))
    if socket_status(path, "/healthz") is not None:
        raise Unusable("A gate runs already on %(path)s: stop it, or choose another SIMSIM_DATA_DIR", path=str(path))


def announce(operator: Operator, *, host: str, port: int, as_json: bool) -> None:
    """Say, once everything answers, where it is."""
    if as_json:
        print_json({"base_url": operator.base_url, "host": host, "port": port, "gate": str(operator.gate_socket)})
    else:
        sys.stdout.write(f"Console: {operator.base_url} (on {host} port {port})\nGate: {operator.gate_socket}\n")
        sys.stdout.write("Ctrl-C stops everything.\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"simsim: {line}\n")
