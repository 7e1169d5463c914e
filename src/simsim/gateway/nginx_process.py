"""Runs nginx as a child process: checks, starts and stops it, rotates its log, and never leaves it running alone."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from simsim.gateway import nginx_program
from simsim.gateway.addresses import HostPort, parse_listen, parse_upstream, resolve
from simsim.gateway.nginx_configuration import GatewaySettings, render
from simsim.problem import Unusable

ROTATE_BYTES = 64 * 1024 * 1024
PATIENCE_SECONDS = 10.0
TICK_SECONDS = 0.2
RESOLVE_SECONDS = 2.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h; other systems have no equivalent
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent `parent` dies for any reason (Linux only)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signum)
        # If the parent died before the line above ran, no signal will come.
        if os.getppid() != parent:
            os.kill(os.getpid(), signum)


class Resolver(threading.Thread):
    """Resolves a host's name again and again; `addresses` holds the latest result.

    It is a thread, because a resolver that does not answer blocks for many seconds.
    """

    def __init__(self, address: HostPort) -> None:
        super().__init__(daemon=True, name="resolve the API's name")
        self.address = address
        self.addresses = resolve(address)

    def run(self) -> None:
        while True:
            time.sleep(RESOLVE_SECONDS)
            try:
                self.addresses = resolve(self.address)
            except Unusable:
                continue  # the known addresses may still answer


class Gateway:
    """One nginx process. Signals ask it to stop (SIGTERM, SIGINT) or to reopen its log (SIGUSR1, SIGHUP)."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.configuration = settings.prefix / "nginx.conf"
        self.resolver = Resolver(parse_upstream(settings.upstream).address)
        self.addresses = self.resolver.addresses
        self.stopping = False
        self.reopening = False

    def run(self) -> None:
        """Run nginx until asked to stop; raise Unusable if it can't start or stops unexpectedly."""
        binary = self.prepare()
        with self.heeding_signals():
            process = self.spawn(binary)
            if self.resolver.address.is_name:
                self.resolver.start()
            try:
                self.watch(process)
            finally:
                stop(process)

    def prepare(self) -> Path:
        """Write the configuration, have nginx check it, and return nginx's path; raise Unusable if it can't run."""
        binary = nginx_program.find_binary()
        text = render(self.settings, self.addresses)
        for folder in (self.settings.prefix, self.settings.access_log.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.configuration.write_text(text, encoding="utf-8")
        prove_port_free(self.settings)
        checked = subprocess.run(self.command(binary, "-t", "-q"), capture_output=True, text=True, check=False)
        if checked.returncode:
            raise Unusable("nginx refuses its configuration: %(reason)s", reason=first_complaint(checked.stderr))
        return binary

    def command(self, binary: Path, *options: str) -> list[str]:
        prefix = self.settings.prefix
        return [str(binary), *options, "-p", str(prefix), "-c", str(self.configuration), "-e", "stderr"]

    def spawn(self, binary: Path) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        # SIGTERM, not SIGKILL: a terminated master stops its workers, a killed one would leave them running. nginx has
        # a process group of its own, so that Ctrl-C reaches only us, and we stop nginx gracefully.
        return subprocess.Popen(
            self.command(binary),
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509 - no threads run here
        )

    def watch(self, process: "subprocess.Popen[bytes]") -> None:
        while not self.stopping:
            if process.poll() is not None:
                raise Unusable("nginx stopped unexpectedly, with status %(status)s", status=str(process.returncode))
            if self.reopening or self.rotate():
                self.reopening = False
                process.send_signal(signal.SIGUSR1)
            if self.resolver.addresses != self.addresses:
                self.move()
                process.send_signal(signal.SIGHUP)
            time.sleep(TICK_SECONDS)

    def move(self) -> None:
        """Write a configuration with the API's current addresses. nginx has checked everything else in it before."""
        self.addresses = self.resolver.addresses
        written = self.configuration.with_suffix(".new")
        written.write_text(render(self.settings, self.addresses), encoding="utf-8")
        written.replace(self.configuration)

    def rotate(self) -> bool:
        """Move a large log aside; return whether nginx must open a new one."""
        log = self.settings.access_log
        try:
            if log.stat().st_size < ROTATE_BYTES:
                return False
        except FileNotFoundError:
            return True  # another process has moved it
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        log.rename(log.with_name(f"{log.stem}-{stamp}{log.suffix}"))
        return True

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        heeded = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
        before = {signum: signal.signal(signum, self.heed) for signum in heeded}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def heed(self, signum: int, _frame: FrameType | None) -> None:
        # Only set flags: an exception here could interrupt us after nginx starts and before its process is recorded.
        if signum in {signal.SIGTERM, signal.SIGINT}:
            self.stopping = True
        else:
            self.reopening = True


def run(settings: GatewaySettings) -> None:
    """Run a gateway until SIGTERM or SIGINT; raise Unusable, in one line, if that fails."""
    Gateway(settings).run()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Let nginx finish its requests within PATIENCE_SECONDS, then stop it."""
    for signum in (signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(signum)
        try:
            process.wait(PATIENCE_SECONDS if signum == signal.SIGQUIT else 2.0)
        except subprocess.TimeoutExpired:
            continue


def prove_port_free(settings: GatewaySettings) -> None:
    """Raise Unusable if the port is taken: nginx itself would retry for seconds, and print a line for each attempt."""
    listen = parse_listen(settings.listen)
    try:
        family, kind, protocol, _, end = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(end)
    except OSError as error:
        raise Unusable(
            "Can't listen on %(place)s: %(reason)s", place=str(listen), reason=str(error.strerror)
        ) from error


def first_complaint(stderr: str) -> str:
    """Return the first line that nginx wrote, without its own name and level."""
    line = next((line for line in stderr.splitlines() if line.strip()), "no reason given")
    return line.removeprefix("nginx: ").removeprefix("[emerg] ")
