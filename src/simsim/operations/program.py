"""A program that a supervisor keeps running, and its process."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from simsim.gateway.nginx_process import die_with_parent
from simsim.gateway.takeover import Predecessor
from simsim.operations.server_process import LISTENER, READY, SUPERVISED

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Program:
    """A command to keep running. A quiet program's stdout is dropped; its stderr is always passed on.

    `listener` is the listening socket that the program inherits, as the descriptor in SIMSIM_LISTENER. `processes`, if
    not 0, is the number of its processes that report when they are ready. When others have taken over, it finishes its
    work on `finish_signal`, and is killed `finish_seconds` later.
    """

    name: str
    command: Sequence[str]
    is_quiet: bool = False
    listener: socket.socket | None = None
    processes: int = 0
    finish_signal: signal.Signals = signal.SIGTERM
    finish_seconds: float = PATIENCE_SECONDS


@dataclass
class Running:
    """A program that was started: `failures` is how often it failed in a row, and `ending` how it last ended.

    `started_at` and `due_at`, its next start, are times of the monotonic clock.
    """

    program: Program
    process: "subprocess.Popen[bytes]" = field(init=False)
    started_at: float = field(init=False)
    failures: int = 0
    ending: str = ""
    due_at: float | None = None
    _ready: int | None = None
    _ready_count: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.started_at, self.due_at, self._ready_count = time.monotonic(), None, 0
        self.close()
        if not self.program.processes:
            self.process = spawn(self.program)
            return
        self._ready, report = os.pipe()
        os.set_blocking(self._ready, False)
        os.set_blocking(report, False)
        try:
            self.process = spawn(self.program, ready=report)
        finally:
            os.close(report)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def group(self) -> int:
        return self.process.pid

    def is_ready(self) -> bool:
        """Whether each of its processes has reported that it is ready."""
        if self._ready is not None:
            with contextlib.suppress(BlockingIOError):
                self._ready_count += len(os.read(self._ready, 4096))
        return self.due_at is None and self._ready_count >= self.program.processes

    def close(self) -> None:
        """Close our end of the pipe through which its processes report."""
        if self._ready is not None:
            os.close(self._ready)
            self._ready = None

    def as_predecessor(self) -> Predecessor:
        program = self.program
        return Predecessor(program.name, self.process.pid, program.finish_signal, program.finish_seconds)


def spawn(program: Program, *, ready: int | None = None, stderr: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
    """Start the program in a process group of its own. When we are killed, the kernel sends it SIGTERM."""
    parent = os.getpid()
    passed = {LISTENER: program.listener.fileno() if program.listener else None, READY: ready}
    kept = {name: descriptor for name, descriptor in passed.items() if descriptor is not None}
    return subprocess.Popen(
        program.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if program.is_quiet else None,
        stderr=stderr,
        env={**os.environ, SUPERVISED: "1"} | {name: str(descriptor) for name, descriptor in kept.items()},
        pass_fds=tuple(kept.values()),
        process_group=0,
        preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509 - no threads run here
    )


def kill_group(group: int) -> None:
    """Kill whatever is left of a process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def how_it_ended(returncode: int) -> str:
    """Return an exit status in words: `exit status 1`, `SIGKILL`."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def last_line(output: bytes) -> str:
    """Return the last line that is not blank, without the "simsim: " that our command line puts before it."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("simsim: ") if lines else ""
