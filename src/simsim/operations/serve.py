"""`simsim serve`: one supervisor runs the console, the gate and the worker."""

import os
import signal
import socket
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simsim.gateway import certificates, listeners, takeover
from simsim.gateway.addresses import HostPort
from simsim.gateway.certificates import CertificateFiles
from simsim.health.existing_installation import prove_files_safe
from simsim.health.probes import port_status, reachable, socket_status
from simsim.health.serve_state import ServeState
from simsim.operations.context import Operator, Wiring
from simsim.operations.installation_lock import in_use
from simsim.operations.log_format import speaker
from simsim.operations.output import print_json
from simsim.operations.program import Program
from simsim.operations.serve_checks import prove_reloadable, prove_up_to_date
from simsim.operations.supervisor import Supervisor
from simsim.problem import Unusable

START_SECONDS = 60.0
# Access for owner and group: nginx's worker may run as another user, who gets access through the group. "Others" never
# get access.
SOCKET_MODE = 0o660
MAX_SOCKET_PATH_LENGTH = 103  # sun_path holds 104 bytes with its NUL on BSD and macOS, 108 on Linux
# The first argument of the server is the form of its messages.
SERVER = (sys.executable, "-m", "simsim.operations.http_server")
SERVER_OPTIONS = (
    *("--http", "1", "--no-ws", "--loop", "uvloop", "--log-level", "warning"),
    *("--workers-kill-timeout", "8"),
)
# When one of two processes is killed, only the requests that it was answering fail.
MIN_GATE_PROCESSES = 2
# Limits for a server that anyone can reach. It closes a connection that sends nothing for this long before, within or
# after the head of a request. It also limits the total number of connections, including silent ones; `connections`
# limits the number for each address.
OPEN_OPTIONS = ("--http1-header-read-timeout", "10000", "--backlog", "4096", "--backpressure", "4096")
# Longer than a replaced server gives its last answers (`http_server`).
FINISH_SECONDS = 660.0


@dataclass(frozen=True)
class ServeOptions:
    """The options of `simsim serve`. Of `gate_listen` and `certificate`, none means the value of the setting."""

    host: str
    port: int
    workers: int
    with_worker: bool
    gate_listen: str = ""
    certificate: CertificateFiles | None = None
    as_json: bool = False


@dataclass(frozen=True)
class Places:
    """Where the console, the gate and its listener answer, and the sockets on which they listen."""

    console: HostPort
    console_listener: socket.socket
    gate: Path
    gate_listener: socket.socket
    open_gate: HostPort | None
    open_gate_listener: socket.socket | None
    certificate: CertificateFiles | None
    has_gate_tls: bool

    def sockets(self) -> list[socket.socket]:
        return [each for each in (self.console_listener, self.gate_listener, self.open_gate_listener) if each]


def serve(wiring: Wiring, options: ServeOptions) -> None:
    """Run everything until a signal asks to stop. Raises Unusable if something can't start or doesn't keep running."""
    left = takeover.received()
    operator = wiring.operator()
    prove_files_safe(operator)
    places = open_places(operator, options, left)
    state = ServeState(
        operator.gate_socket.parent, host=options.host, port=options.port, tls=places.certificate is not None
    )
    say = speaker("simsim", operator.log_format)
    supervisor = Supervisor(say, before_reload=prove_reloadable, note=state.write, left=left)
    supervisor.listeners = places.sockets()
    try:
        with state, supervisor.supervising():
            # Check this before anything starts: otherwise each program would report a missing key with its own
            # traceback. A former image has checked it before it gave way.
            if left is None and not prove_up_to_date(supervisor, wiring=wiring):
                return
            with in_use(operator.data_dir):
                run(wiring, supervisor, places, options)
    finally:
        operator.gate_socket.unlink(missing_ok=True)


def run(wiring: Wiring, supervisor: Supervisor, places: Places, options: ServeOptions) -> None:
    """Start the programs, in place of the predecessors if there are any, and keep them running."""
    is_takeover, operator = bool(supervisor.predecessors), wiring.operator()
    supervisor.start(console(wiring, operator, places, workers=options.workers))
    supervisor.start(gate(wiring, operator, places, workers=options.workers))
    if places.open_gate_listener:
        files = places.certificate if places.has_gate_tls else None
        supervisor.start(gate_listener(wiring, operator, places.open_gate_listener, files, workers=options.workers))
    if is_takeover:
        # Two workers would share the work, but the former one might run with other settings.
        if not supervisor.replace_predecessors() or not supervisor.watch(
            until=lambda: not supervisor.has_predecessor("worker")
        ):
            return
        supervisor.say("Reloaded")
    if options.with_worker:
        supervisor.start(worker(wiring))
    if is_takeover:
        supervisor.watch()
    elif wait_for_all(supervisor, places):
        announce(operator, places, as_json=options.as_json)
        supervisor.watch()


def check(wiring: Wiring, options: ServeOptions) -> None:
    """Raise Unusable if `serve` could not run with these options and the present settings."""
    operator = wiring.operator()
    prove_files_safe(operator)
    gate_place(operator, options.gate_listen)
    if files := options.certificate or operator.tls_files():
        certificates.prove_usable(files)
    wiring.start_unproven()
    from simsim.operations import migrate  # noqa: PLC0415 - needs Django

    migrate.prove_up_to_date()


def open_places(operator: Operator, options: ServeOptions, left: takeover.Takeover | None) -> Places:
    """Return the places with their sockets, those that a former image has left where they fit.

    Raises Unusable if one can't be opened, or if the certificate can't be used.
    """
    files = options.certificate or operator.tls_files()
    if files and left is None:
        certificates.prove_usable(files)
    known = listeners.from_descriptors(left.listeners if left else ())
    console_place = HostPort(options.host, options.port)
    hint = "choose another with --port"
    console_listener = listen(console_place, known, hint=hint)
    place, open_gate_listener = open_gate(operator, known, options, is_takeover=left is not None)
    path = operator.gate_socket
    gate_listener = next((each for each in known if each.getsockname() == str(path)), None)
    if gate_listener is None:
        prove_socket_free(path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        gate_listener = listeners.open_unix(path, SOCKET_MODE)
    places = Places(
        console_place, console_listener, path, gate_listener, place, open_gate_listener, files, operator.gate_tls
    )
    for each in known:
        if each not in places.sockets():
            each.close()
    return places


def open_gate(
    operator: Operator, known: list[socket.socket], options: ServeOptions, *, is_takeover: bool
) -> tuple[HostPort | None, socket.socket | None]:
    """Return where the gate also listens, and its socket. A reload that names a port in use must not end the rest."""
    name = "--gate-listen" if options.gate_listen else "SIMSIM_GATE_LISTEN"
    place = gate_place(operator, options.gate_listen)
    try:
        return place, listen(place, known, hint=f"choose another with {name}") if place else None
    except Unusable as problem:
        if not is_takeover:
            raise
        speaker("simsim", operator.log_format)(f"{problem}. The gate answers on its socket only")
        return None, None


def listen(place: HostPort, known: list[socket.socket], *, hint: str) -> socket.socket:
    """Return the listening socket of a place; raise Unusable if it can't be opened."""
    try:
        return listeners.open_tcp(place, known=known)[0]
    except OSError:
        raise Unusable(
            "Port %(port)s on %(host)s is in use or may not be used: %(hint)s",
            port=str(place.port), host=place.host, hint=hint,
        ) from None  # fmt: skip


def console(wiring: Wiring, operator: Operator, places: Places, *, workers: int = 1) -> Program:
    """Return the program that serves the console."""
    tls = tls_options(places.certificate)
    return server(operator, "console", places.console_listener, workers, (
        *OPEN_OPTIONS, "--interface", "asgi", "--host", places.console.host, "--port", str(places.console.port), *tls,
        wiring.console,
    ))  # fmt: skip


def gate(wiring: Wiring, operator: Operator, places: Places, *, workers: int = 1) -> Program:
    """Return the program that serves the gate on its Unix socket."""
    options = ("--interface", "rsgi", "--backlog", str(listeners.BACKLOG), "--uds", str(places.gate), wiring.gate)
    return server(operator, "gate", places.gate_listener, max(workers, MIN_GATE_PROCESSES), options)


def gate_listener(
    wiring: Wiring, operator: Operator, listener: socket.socket, files: CertificateFiles | None, *, workers: int = 1
) -> Program:
    """Return the program that serves the gate on a port, for proxies that can't reach its socket, and for nodes."""
    host, port = listener.getsockname()[:2]
    listening = ("--interface", "asgi", "--host", host, "--port", str(port), *tls_options(files))
    options = (*OPEN_OPTIONS, *listening, wiring.gate_listener)
    return server(operator, "gate listener", listener, max(workers, MIN_GATE_PROCESSES), options)


def server(
    operator: Operator, name: str, listener: socket.socket | None, processes: int, options: tuple[str, ...]
) -> Program:
    """Return the program of a server that gives way to a successor on SIGHUP."""
    command = (*SERVER, operator.log_format.value, *SERVER_OPTIONS, "--workers", str(processes), *options)
    return Program(
        name, command, listener=listener, processes=processes,
        finish_signal=signal.SIGHUP, finish_seconds=FINISH_SECONDS,
    )  # fmt: skip


def tls_options(files: CertificateFiles | None) -> tuple[str, ...]:
    if files is None:
        return ()
    named = ("--ssl-certificate", str(files.certificate), "--ssl-keyfile", str(files.key))
    return (*named, "--ssl-protocol-min", "tls1.2")


def gate_place(operator: Operator, option: str) -> HostPort | None:
    """Return where the gate also listens, None for its socket only; raise Unusable for a bad value."""
    name = "--gate-listen" if option else "SIMSIM_GATE_LISTEN"
    return operator.parse_gate_listen(option or operator.gate_listen, name=name)


def worker(wiring: Wiring) -> Program:
    return Program("worker", (*wiring.this_command, "worker"))


def wait_for_all(supervisor: Supervisor, places: Places) -> bool:
    """Return True once gate and console answer, False when asked to stop first; raise Unusable if the gate doesn't.

    A console that does not answer is reported, and is restarted as long as the gate runs.
    """
    waits = partial(supervisor.wait_until, seconds=START_SECONDS)
    if not waits(lambda: socket_status(places.gate, "/healthz") is not None, name="The gate", of="gate"):
        return False
    place, has_gate_tls = places.open_gate, places.has_gate_tls
    if place and not waits(
        lambda: port_status(reachable(place.host), place.port, "/healthz", tls=has_gate_tls) is not None,
        name="The gate's listener",
        of="gate listener",
    ):
        return False
    at, has_tls = places.console, places.certificate is not None
    try:
        return waits(
            lambda: port_status(reachable(at.host), at.port, "/healthz", tls=has_tls) is not None,
            name="The console", of="console",
        )  # fmt: skip
    except Unusable as problem:
        supervisor.say(f"{problem}. The gate continues without the console")
        supervisor.watch()
        return False


def prove_socket_free(path: Path) -> None:
    """Raise Unusable if a gate already answers on the socket, or if the path is too long for a socket."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_LENGTH:
        raise Unusable("SIMSIM_DATA_DIR: %(path)s is too long for a socket's path", path=str(path))
    if socket_status(path, "/healthz") is not None:
        raise Unusable("A gate already runs on %(path)s: stop it, or choose another SIMSIM_DATA_DIR", path=str(path))


def announce(operator: Operator, places: Places, *, as_json: bool) -> None:
    """Print where everything answers."""
    gate, listener = str(places.gate), str(places.open_gate) if places.open_gate else None
    host, port = places.console.host, places.console.port
    if as_json:
        where = {"base_url": operator.base_url, "host": host, "port": port, "gate": gate, "gate_listen": listener}
        print_json(where)
    else:
        also = f", and for trusted proxies {listener}" if listener else ""
        sys.stdout.write(f"Console: {operator.base_url} (on {host} port {port})\nGate: {gate}{also}\n")
        sys.stdout.write("Ctrl-C stops everything.\n")
    sys.stdout.flush()
