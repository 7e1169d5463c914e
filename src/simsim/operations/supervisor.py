"""The supervisor of programs that run together: it restarts programs that end, and leaves no process behind."""

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

from simsim.gateway.nginx_process import die_with_parent
from simsim.problem import Unusable

PATIENCE_SECONDS = 10.0
# A program that has failed this often without ever answering will not recover by waiting.
FAILURES_AT_START = 5
CALM_SECONDS = 60.0
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 60.0
TICK_SECONDS = 0.1

# Tells a program that a supervisor runs it. A program that was started by hand must keep running when its terminal
# closes.
SUPERVISED = "SIMSIM_SUPERVISED"


def end_with_server() -> None:
    """Have a server's worker process die with the server, if a supervisor runs the server."""
    if os.environ.get(SUPERVISED):
        die_with_parent(os.getppid())


@dataclass(frozen=True)
class Program:
    """A command to keep running. A quiet program's stdout is dropped; its stderr is always passed on.

    `leftovers` are files that a killed run may leave behind and that would keep the next run from starting.
    `takes_hangup` means that the program reads its settings again on SIGHUP; other programs are restarted for that.
    """

    name: str
    command: Sequence[str]
    is_quiet: bool = False
    leftovers: Sequence[Path] = ()
    takes_hangup: bool = False


@dataclass
class Running:
    """A program that was started: `failures` is how often it failed in a row, and `ending` how it last ended.

    `started_at` and `due_at`, its next start, are times of the monotonic clock.
    """

    program: Program
    process: "subprocess.Popen[bytes]"
    started_at: float
    failures: int = 0
    ending: str = ""
    due_at: float | None = None
    kill_at: float | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def group(self) -> int:
        return self.process.pid


class Supervisor:
    """Keeps programs running until a signal asks to stop. A program that fails is restarted, and the others keep
    running.

    `before_reload` checks that programs can start with the current settings. Without it, SIGHUP means stop, as it does
    when the terminal has closed. `note` is called at each start and each end of a program.

    Each program leads its own process group: a terminal's Ctrl-C reaches only the supervisor, which then stops the
    programs in order, and processes that a program leaves behind are killed with its group. When the supervisor itself
    is killed, the kernel sends each program SIGTERM.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        before_reload: "Callable[[Supervisor], bool] | None" = None,
        note: Callable[[Sequence[Running]], None] = lambda _: None,
    ) -> None:
        self.say = say
        self.patience_seconds = patience_seconds
        self.before_reload = before_reload
        self.note = note
        self.running: list[Running] = []
        self.stopping = False
        self.reloading = False
        # With `nohup`, the programs keep running when the terminal closes.
        self.stops_with_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN

    @contextmanager
    def supervising(self) -> Iterator["Supervisor"]:
        """Handle SIGTERM, SIGINT and SIGHUP inside the block, and leave no process behind after it."""
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {signum: signal.signal(signum, self._handle_signal) for signum in caught}
        try:
            yield self
        finally:
            self.stop()
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def start(self, program: Program) -> None:
        self.running.append(Running(program, self._spawn(program), time.monotonic()))
        self.note(self.running)

    def run_to_end(self, program: Program) -> bool:
        """Run a program once. Return True when it has succeeded, False when asked to stop first.

        Raises Unusable with the last line of its stderr if it fails.
        """
        with tempfile.TemporaryFile() as complaints:
            process = self._spawn(program, stderr=complaints)
            try:
                while process.poll() is None and not self.stopping:
                    self._restart_ended()
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

    def wait_until(self, answers: Callable[[], bool], *, name: str, seconds: float, of: str | None = None) -> bool:
        """Return True once `answers` returns True, False when asked to stop first.

        Raises Unusable after `seconds`, or if a program fails too often: the one named `of`, or any.
        """
        deadline = time.monotonic() + seconds
        while not self.stopping:
            if answers():
                return True
            if time.monotonic() > deadline:
                raise Unusable("%(name)s does not answer after %(seconds)s seconds", name=name, seconds=f"{seconds:g}")
            self._restart_ended()
            for running in self.running:
                if running.failures >= FAILURES_AT_START and of in {None, running.program.name}:
                    raise Unusable(
                        "%(name)s ended %(times)s times in a row (%(ending)s)",
                        name=running.program.name,
                        times=str(running.failures),
                        ending=running.ending,
                    )
            time.sleep(TICK_SECONDS)
        return False

    def watch(self) -> None:
        """Keep the programs running until asked to stop."""
        while not self.stopping:
            if self.reloading:
                self.reloading = False
                self._reload()
            self._restart_ended()
            time.sleep(TICK_SECONDS)

    def stop(self) -> None:
        """Stop every program: SIGTERM, then SIGKILL for those that still run after `patience_seconds`."""
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

    def _handle_signal(self, signum: int, _frame: FrameType | None) -> None:
        # Only set flags: an exception here could come between a program's start and its entry in the list.
        if signum == signal.SIGHUP and self.before_reload and not (self.stops_with_terminal and not has_terminal()):
            self.reloading = True
        else:
            self.stopping = True

    def _reload(self) -> None:
        """Have each program read its settings again, or change nothing when the settings are unusable."""
        try:
            if self.before_reload is None or not self.before_reload(self):
                return
        except Unusable as problem:
            self.say(f"{problem}. Nothing was reloaded")
            return
        for running in self.running:
            running.failures = 0
            if running.due_at is not None:
                running.due_at = time.monotonic()
            elif running.program.takes_hangup:
                running.process.send_signal(signal.SIGHUP)
            else:
                running.kill_at = time.monotonic() + self.patience_seconds
                running.process.terminate()
        self.say("Reloading")

    def _restart_ended(self) -> None:
        """Restart programs that have ended, each after a growing wait."""
        now = time.monotonic()
        for running in self.running:
            if running.due_at is not None and now >= running.due_at:
                running.due_at, running.started_at = None, now
                running.process = self._spawn(running.program)
                self.note(self.running)
            elif running.due_at is None and running.process.poll() is not None:
                self._note_end(running, now)
            elif running.kill_at is not None and now >= running.kill_at:
                running.process.kill()
            elif running.failures and running.due_at is None and now - running.started_at > CALM_SECONDS:
                running.failures = 0
                self.note(self.running)

    def _note_end(self, running: Running, now: float) -> None:
        kill_group(running.group)
        was_asked, running.kill_at = running.kill_at is not None, None
        if was_asked:
            running.due_at = now
            return
        running.failures += 1
        running.ending = how_it_ended(running.process.returncode)
        # The exponent is limited: after a thousand failures the power would overflow a float.
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(running.failures - 1, 20), MAX_WAIT_SECONDS)
        running.due_at = now + wait
        self.say(f"{running.program.name} ended ({running.ending}); it restarts in {wait:g} s")
        self.note(self.running)

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


def has_terminal() -> bool:
    """Whether this process has a terminal that has not hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


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
