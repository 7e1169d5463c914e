"""Runs nginx as a child process: checks, starts, replaces and stops it, rotates its log, and never leaves it behind."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Protocol

from simsim.gateway import nginx_program
from simsim.gateway.addresses import parse_listen, parse_upstream
from simsim.gateway.certificates import prove_usable
from simsim.gateway.listeners import from_descriptors, open_tcp, reason_of
from simsim.gateway.nginx_configuration import GatewaySettings, render, replaced_mark
from simsim.gateway.resolver import Resolver
from simsim.gateway.takeover import (
    FormerChild,
    Predecessor,
    Takeover,
    become_new_image,
    prove_succeeds,
    same_command,
    unblock_signals,
)
from simsim.problem import Unusable

ROTATE_BYTES = 64 * 1024 * 1024
PATIENCE_SECONDS = 10.0
NEEDED_BY_NGINX = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
TICK_SECONDS = 0.2
# Once another nginx has taken over, a connection that stays silent for this long is closed.
LAST_REQUEST_SECONDS = 3.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h; other systems have no equivalent
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def environment_for_nginx(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the part of our environment that nginx needs. Our settings, some of which are secrets, are not in it."""
    return {name: ours[name] for name in NEEDED_BY_NGINX if name in ours}


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent `parent` dies for any reason (Linux only)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signum)
        # If the parent died before the line above ran, no signal will come.
        if os.getppid() != parent:
            os.kill(os.getpid(), signum)


class Process(Protocol):
    """An nginx that we have started, or that a former image of this process has."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int, /) -> None: ...


@dataclass(frozen=True)
class Nginx:
    """One nginx, and the file in which it keeps its process id, which it deletes when it ends."""

    process: Process
    pid_file: Path

    def has_ended(self) -> bool:
        return self.process.poll() is not None


class Gateway:
    """One nginx. Signals ask it to stop (SIGTERM, SIGINT), to reload (SIGHUP) or to reopen its log (SIGUSR1).

    On SIGHUP this process becomes a new image of itself, which starts another nginx on the same listening sockets; then
    the former nginx finishes its requests.
    """

    def __init__(self, settings: GatewaySettings, left: Takeover | None = None) -> None:
        self.settings = settings
        self.configuration = settings.prefix / "nginx.conf"
        self.pid_file = settings.prefix / f"nginx-{secrets.token_hex(4)}.pid"
        predecessors = left.predecessors if left else ()
        self.all = [Nginx(FormerChild(each.pid), Path(each.name)) for each in predecessors]
        self.finish_at: float | None = None
        self.listeners = open_listeners(settings, left)
        self.resolver = Resolver(parse_upstream(settings.upstream).address)
        self.addresses = self.resolver.addresses
        self.stopping = False
        self.reloading = False
        self.reopening = False

    def run(self) -> None:
        """Run nginx until asked to stop; raise Unusable if it can't start or stops unexpectedly."""
        with self.heeding_signals():
            try:
                current = self.start()
                if self.resolver.address.is_name:
                    self.resolver.start()
                self.watch(current)
            finally:
                stop([each.process for each in self.all])

    def start(self) -> Nginx:
        """Start nginx, let the former ones finish, and return it. If it can't start, the last former one is kept."""
        try:
            current = Nginx(self.spawn(self.prepare()), self.pid_file)
            self.all.append(current)
        except Unusable as problem:
            if not self.all:
                raise
            sys.stderr.write(f"simsim: {problem}. The gateway continues as before\n")
            current = self.all[-1]
        for each in self.all:
            if each is not current:
                replaced_mark(each.pid_file).touch()
                self.finish_at = time.monotonic() + LAST_REQUEST_SECONDS
        self.pid_file = current.pid_file
        return current

    def prepare(self) -> Path:
        """Write the configuration, have nginx check it, and return nginx's path; raise Unusable if it can't run."""
        binary = nginx_program.find_binary()
        text = render(self.settings, self.addresses, self.pid_file)
        for folder in (self.settings.prefix, self.settings.access_log.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (*self.settings.prefix.glob("nginx*.pid"), *self.settings.prefix.glob("nginx*.replaced")):
            path.unlink()
        self.configuration.write_text(text, encoding="utf-8")
        checked = subprocess.run(
            self.command(binary, "-t", "-q"),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
            pass_fds=self.descriptors(),
        )
        if checked.returncode:
            raise Unusable("nginx refuses its configuration: %(reason)s", reason=first_complaint(checked.stderr))
        return binary

    def command(self, binary: Path, *options: str) -> list[str]:
        # Until it has read its configuration, nginx logs here, and also prints warnings and errors on stderr. What it
        # only logs is that it uses inherited sockets, which is so at every start.
        first_log = os.devnull
        prefix = self.settings.prefix
        return [str(binary), *options, "-p", str(prefix), "-c", str(self.configuration), "-e", first_log]

    def descriptors(self) -> list[int]:
        return [listener.fileno() for listener in self.listeners]

    def environment(self) -> dict[str, str]:
        """Return the environment in which nginx takes our listening sockets, as from an older nginx."""
        return environment_for_nginx(os.environ) | {"NGINX": "".join(f"{each};" for each in self.descriptors())}

    def spawn(self, binary: Path) -> "subprocess.Popen[bytes]":
        """Start nginx and return it once it has the listening sockets; raise Unusable if it does not start."""
        parent = os.getpid()
        # SIGTERM, not SIGKILL: a terminated master stops its workers, a killed one would leave them running. nginx has
        # a process group of its own, so that Ctrl-C reaches only us, and we stop nginx gracefully.
        process = subprocess.Popen(
            self.command(binary),
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            pass_fds=self.descriptors(),
            process_group=0,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509 - no threads run here
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.pid_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                stop([process])
                raise Unusable("nginx did not start, and ended with status %(status)s", status=str(process.returncode))
            time.sleep(TICK_SECONDS / 10)
        return process

    def watch(self, current: Nginx) -> None:
        while not self.stopping:
            if current.has_ended():
                raise Unusable("nginx stopped unexpectedly, with status %(status)s", status=str(current.process.poll()))
            self.finish_former(current)
            if self.reloading:
                self.reloading = False
                self.reload()
            if self.reopening or self.rotate():
                self.reopening = False
                for each in self.all:
                    each.process.send_signal(signal.SIGUSR1)
            if self.resolver.addresses != self.addresses:
                self.move()
                current.process.send_signal(signal.SIGHUP)
            time.sleep(TICK_SECONDS)

    def finish_former(self, current: Nginx) -> None:
        """Have each former nginx accept no more, close its silent connections, finish its requests and end."""
        self.all = [each for each in self.all if not each.has_ended()]
        if self.finish_at is not None and time.monotonic() > self.finish_at:
            self.finish_at = None
            for each in self.all:
                if each is not current:
                    each.process.send_signal(signal.SIGQUIT)
            sys.stderr.write("simsim: Reloaded\n")

    def reload(self) -> None:
        """Become a new image of this process, or change nothing if that could not run with the present settings."""
        try:
            prove_succeeds(same_command("--print-config"))
            left = [Predecessor(str(each.pid_file), each.process.pid, signal.SIGQUIT, 0.0) for each in self.all]
            become_new_image(self.listeners, left)
        except (Unusable, OSError) as problem:
            sys.stderr.write(f"simsim: {problem}. Nothing was reloaded\n")

    def move(self) -> None:
        """Write a configuration with the API's current addresses. nginx has checked everything else in it before."""
        self.addresses = self.resolver.addresses
        written = self.configuration.with_suffix(".new")
        written.write_text(render(self.settings, self.addresses, self.pid_file), encoding="utf-8")
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
        unblock_signals()
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def heed(self, signum: int, _frame: FrameType | None) -> None:
        # Only set flags: an exception here could interrupt us after nginx starts and before its process is recorded.
        if signum in {signal.SIGTERM, signal.SIGINT}:
            self.stopping = True
        elif signum == signal.SIGHUP:
            self.reloading = True
        else:
            self.reopening = True


def run(settings: GatewaySettings, left: Takeover | None = None) -> None:
    """Run a gateway until SIGTERM or SIGINT, after what a former image has `left`; raise Unusable if it fails."""
    if left is None:
        prove_certificate(settings)
    Gateway(settings, left).run()


def prove_certificate(settings: GatewaySettings) -> None:
    """Raise Unusable if the gateway can't present its certificate."""
    if settings.certificate:
        prove_usable(settings.certificate)


def stop(processes: Sequence[Process]) -> None:
    """Let each nginx finish its requests within PATIENCE_SECONDS, then end it."""
    for signum in (signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL):
        for each in processes:
            if each.poll() is None:
                each.send_signal(signum)
        deadline = time.monotonic() + (PATIENCE_SECONDS if signum == signal.SIGQUIT else 2.0)
        while any(each.poll() is None for each in processes) and time.monotonic() < deadline:
            time.sleep(TICK_SECONDS / 10)


def open_listeners(settings: GatewaySettings, left: Takeover | None) -> list[socket.socket]:
    """Return the sockets on which nginx listens, those of a former image where they fit; raise Unusable if it can't."""
    listen = parse_listen(settings.listen)
    known = from_descriptors(left.listeners if left else ())
    try:
        return open_tcp(listen, known=known)
    except OSError as error:
        raise Unusable("Can't listen on %(place)s: %(reason)s", place=str(listen), reason=reason_of(error)) from error


def first_complaint(stderr: str) -> str:
    """Return the first line that nginx wrote, without its own name and level."""
    line = next((line for line in stderr.splitlines() if line.strip()), "no reason given")
    return line.removeprefix("nginx: ").removeprefix("[emerg] ")
