"""Programs that run together: all of them start, each is started again when it dies, and none is left behind."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from simsim.gateway.process import die_with_parent
from simsim.problem import Unusable

PATIENCE_SECONDS = 10.0
FAILURES_IN_A_ROW = 5
CALM_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 15.0
TICK_SECONDS = 0.1

# Tells a program that its supervisor looks after it; one that was started by hand must outlive its terminal.
SUPERVISED = "SIMSIM_SUPERVISED"


def end_with_server() -> None:
    """Have a server's worker process die with the server, where a supervisor runs it (see `Program`)."""
    if os.environ.get(SUPERVISED):
        die_with_parent(os.getppid())


@dataclass(frozen=True)
class Program:
    """A command to keep running. What a quiet one writes to stdout is dropped; its stderr is always ours.

    `leftovers` are files of which a killed run leaves some, and which would keep the next one from starting.
    """

    name: str
    command: Sequence[str]
    is_quiet: bool = False
    leftovers: Sequence[Path] = ()


@dataclass
class Running:
    """A program that was started, and how it fared."""

    program: Program
    process: "subprocess.Popen[bytes]"
    started_at: float
    failures: int = 0
    due_at: float | None = None

    @property
    def group(self) -> int:
        return self.process.pid


class Supervisor:
    """Keeps programs running until a signal asks to stop, or until one of them fails too often.

    Each program leads a process group of its own: a terminal's Ctrl-C reaches the supervisor alone, which stops them in
    order, and what a program leaves behind is killed with its group. When the supervisor itself is killed, the kernel
    sends each program SIGTERM.
    """

    def __init__(self, say: Callable[[str], None], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.say = say
        self.patience_seconds = patience_seconds
        self.running: list[Running] = []
        self.stopping = False

    @contextmanager
    def supervising(self) -> Iterator["Supervisor"]:
        """Catch SIGTERM, SIGINT and SIGHUP inside, and leave no process behind on the way out."""
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {signum: signal.signal(signum, self._asked_to_stop) for signum in caught}
        try:
            yield self
        finally:
            self.stop()
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def start(self, program: Program) -> None:
        self.running.append(Running(program, self._spawn(program), time.monotonic()))

    def run_to_end(self, program: Program) -> bool:
        """Run a program once. Return True when it is done, False when asked to stop before.

        Raises Unusable, with the last line that it wrote to stderr, when it fails.
        """
        with tempfile.TemporaryFile() as complaints:
            process = self._spawn(program, stderr=complaints)
            try:
                while process.poll() is None and not self.stopping:
                    self._tend()
                    time.sleep(TICK_SECONDS / 2)
            finally:
                kill_group(process.pid)
                process.wait()
            if self.stopping:
                return False
            if process.returncode:
                complaints.seek(0)
                raise Unusable("%(line)s", line=last_line(complaints.read()) or f"{program.name} failed")
            return True

    def wait_until(self, answers: Callable[[], bool], *, name: str, seconds: float) -> bool:
        """Return True once the question is answered with yes, False when asked to stop meanwhile.

        Raises Unusable when it takes longer, or when a program fails too often.
        """
        deadline = time.monotonic() + seconds
        while not self.stopping:
            if answers():
                return True
            if time.monotonic() > deadline:
                raise Unusable("%(name)s does not answer after %(seconds)s seconds", name=name, seconds=f"{seconds:g}")
            self._tend()
            time.sleep(TICK_SECONDS)
        return False

    def watch(self) -> None:
        """Return when asked to stop; raise Unusable when a program fails too often."""
        while not self.stopping:
            self._tend()
            time.sleep(TICK_SECONDS)

    def stop(self) -> None:
        """End every program: SIGTERM, then SIGKILL to what is still there when our patience ends."""
        deadline = time.monotonic() + self.patience_seconds
        for running in self.running:
            if running.process.poll() is None:
                running.process.terminate()
        for running in self.running:
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{running.program.name} did not stop and was killed")
            kill_group(running.group)
            running.process.wait()
        self.running.clear()

    def _asked_to_stop(self, _signum: int, _frame: FrameType | None) -> None:
        # A flag and nothing else: an exception here could strike between a program's start and its place in the list.
        self.stopping = True

    def _tend(self) -> None:
        """Start again what has died, each time after a longer wait."""
        now = time.monotonic()
        for running in self.running:
            if running.due_at is not None and now >= running.due_at:
                running.due_at, running.started_at = None, now
                running.process = self._spawn(running.program)
            elif running.due_at is None and running.process.poll() is not None:
                self._note_death(running, now)

    def _note_death(self, running: Running, now: float) -> None:
        kill_group(running.group)
        calm = now - running.started_at > CALM_SECONDS
        running.failures = 1 if calm else running.failures + 1
        ending = how_it_ended(running.process.returncode)
        if running.failures >= FAILURES_IN_A_ROW:
            raise Unusable(
                "%(name)s ended %(times)s times in a row (%(ending)s): everything is stopped",
                name=running.program.name,
                times=str(running.failures),
                ending=ending,
            )
        wait = min(0.5 * 2 ** (running.failures - 1), LONGEST_WAIT_SECONDS)
        running.due_at = now + wait
        self.say(f"{running.program.name} ended ({ending}); it starts again in {wait:g} s")

    def _spawn(self, program: Program, *, stderr: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        for path in program.leftovers:
            path.unlink(missing_ok=True)
        parent = os.getpid()
        return subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if program.is_quiet else None,
            stderr=stderr,
            env={**os.environ, SUPERVISED: "1"},
            process_group=0,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509 - no threads run here
        )


def kill_group(group: int) -> None:
    """Kill what is left of a process group; nothing happens when nothing is."""
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
    """Return the last line that says something, without the name that our command line begins it with."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("simsim: ") if lines else ""
