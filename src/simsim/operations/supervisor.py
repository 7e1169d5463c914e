"""The supervisor of programs that run together: it restarts programs that end, and leaves no process behind."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from simsim.gateway import takeover
from simsim.gateway.takeover import FormerChild, Predecessor, Takeover
from simsim.operations.program import PATIENCE_SECONDS, Program, Running, how_it_ended, kill_group, last_line, spawn
from simsim.problem import Unusable

# A program that has failed this often without ever answering will not recover by waiting.
FAILURES_AT_START = 5
CALM_SECONDS = 60.0
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 60.0
TICK_SECONDS = 0.1


class Supervisor:
    """Keeps programs running until a signal asks to stop. A program that fails is restarted, and the others keep
    running.

    On SIGHUP, `before_reload` checks that the programs can start with the current settings and code. Then this process
    becomes a new image of itself, which keeps `listeners` and the running programs: it starts the programs anew, and
    has the `predecessors` finish once all of the new ones are ready. Without `before_reload`, SIGHUP means stop, as it
    does when the terminal has closed. `note` is called at each start and each end of a program.

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
        left: Takeover | None = None,
    ) -> None:
        self.say = say
        self.patience_seconds = patience_seconds
        self.before_reload = before_reload
        self.note = note
        self.running: list[Running] = []
        self.listeners: list[socket.socket] = []
        self.predecessors: list[Predecessor] = list(left.predecessors) if left else []
        self.kill_at: dict[int, float] = {}
        self.stopping = False
        self.reloading = False
        self.was_ignored: set[signal.Signals] = set()
        # With `nohup`, the programs keep running when the terminal closes.
        self.stops_with_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN

    @contextmanager
    def supervising(self) -> Iterator["Supervisor"]:
        """Handle SIGTERM, SIGINT and SIGHUP inside the block, and leave no process behind after it."""
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {signum: signal.signal(signum, self._handle_signal) for signum in caught}
        self.was_ignored = {signum for signum, handler in before.items() if handler is signal.SIG_IGN}
        takeover.unblock_signals()
        try:
            yield self
        finally:
            self.stop()
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def start(self, program: Program) -> None:
        self.running.append(Running(program))
        self.note(self.running)

    def run_to_end(self, program: Program) -> bool:
        """Run a program once. Return True when it has succeeded, False when asked to stop first.

        Raises Unusable with the last line of its stderr if it fails.
        """
        with tempfile.TemporaryFile() as complaints:
            process = spawn(program, stderr=complaints)
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

    def watch(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Keep the programs running. Return True once `until` returns True, False when asked to stop first."""
        while not self.stopping:
            if self.reloading:
                self.reloading = False
                self._reload()
            self._restart_ended()
            if until():
                return True
            time.sleep(TICK_SECONDS)
        return False

    def replace_predecessors(self) -> bool:
        """Have the predecessors finish once all new programs are ready, for as long as that takes.

        Returns False when asked to stop first. If the new programs can't run, the predecessors keep serving.
        """
        if not self.watch(until=lambda: all(running.is_ready() for running in self.running)):
            return False
        for each in self.predecessors:
            self.kill_at[each.pid] = time.monotonic() + each.seconds
            os.kill(each.pid, each.signum)
        return True

    def has_predecessor(self, name: str) -> bool:
        return any(each.name == name for each in self.predecessors)

    def stop(self) -> None:
        """Stop every program: SIGTERM, then SIGKILL for those that still run after `patience_seconds`."""
        deadline = time.monotonic() + self.patience_seconds
        for running in self.running:
            if running.process.poll() is None:
                running.process.terminate()
        for each in self.predecessors:
            os.kill(each.pid, signal.SIGTERM)
        for running in self.running:
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{running.program.name} did not stop and was killed")
            kill_group(running.group)
            running.process.wait()
            running.close()
        self.running.clear()
        while self.predecessors and time.monotonic() < deadline:
            self._bury_predecessors()
            time.sleep(TICK_SECONDS / 10)
        for each in self.predecessors:
            kill_group(each.pid)

    def _handle_signal(self, signum: int, _frame: FrameType | None) -> None:
        # Only set flags: an exception here could come between a program's start and its entry in the list.
        if signum == signal.SIGHUP and self.before_reload and not (self.stops_with_terminal and not has_terminal()):
            self.reloading = True
        else:
            self.stopping = True

    def _reload(self) -> None:
        """Become a new image of this process, or change nothing if that could not run with the present settings."""
        try:
            if self.before_reload is None or not self.before_reload(self):
                return
            self.say("Reloading")
            left = [running.as_predecessor() for running in self.running if running.process.poll() is None]
            # A signal that `nohup` has set aside stays so in the new image.
            for signum in self.was_ignored:
                signal.signal(signum, signal.SIG_IGN)
            takeover.become_new_image(self.listeners, [*self.predecessors, *left])
        except (Unusable, OSError) as problem:
            self.say(f"{problem}. Nothing was reloaded")

    def _restart_ended(self) -> None:
        """Restart programs that have ended, each after a growing wait."""
        now = time.monotonic()
        self._bury_predecessors()
        for running in self.running:
            if running.due_at is not None and now >= running.due_at:
                running.start()
                self.note(self.running)
            elif running.due_at is None and running.process.poll() is not None:
                self._note_end(running, now)
            elif running.failures and running.due_at is None and now - running.started_at > CALM_SECONDS:
                running.failures = 0
                self.note(self.running)

    def _bury_predecessors(self) -> None:
        """Forget the predecessors that have ended, and kill those whose time is over."""
        for each in [*self.predecessors]:
            if FormerChild(each.pid).poll() is not None:
                kill_group(each.pid)
                self.predecessors.remove(each)
            elif time.monotonic() > self.kill_at.get(each.pid, float("inf")):
                kill_group(each.pid)

    def _note_end(self, running: Running, now: float) -> None:
        kill_group(running.group)
        running.failures += 1
        running.ending = how_it_ended(running.process.returncode)
        # The exponent is limited: after a thousand failures the power would overflow a float.
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(running.failures - 1, 20), MAX_WAIT_SECONDS)
        running.due_at = now + wait
        self.say(f"{running.program.name} ended ({running.ending}); it restarts in {wait:g} s")
        self.note(self.running)


def has_terminal() -> bool:
    """Whether this process has a terminal that has not hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
