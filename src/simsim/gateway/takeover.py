"""A process replaced by a new image of itself, from the code now installed, which keeps its sockets and its children.

The process keeps its id, so that systemd and its children notice nothing.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from simsim.problem import Unusable

VARIABLE = "SIMSIM_TAKEOVER"
# They wait until the new image can handle them: before that, each would end it.
BLOCKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True)
class Predecessor:
    """A child that the former image started: it finishes its work on `signum`, and is killed `seconds` later."""

    name: str
    pid: int
    signum: int
    seconds: float


@dataclass(frozen=True)
class Takeover:
    """What the former image leaves: the descriptors of its listening sockets, and its children."""

    listeners: tuple[int, ...]
    predecessors: tuple[Predecessor, ...]


class FormerChild:
    """A child that a former image of this process has started, which `subprocess` does not know."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._status = os.waitstatus_to_exitcode(status) if pid else None
            except ChildProcessError:  # it ended before the former image gave way
                self._status = 0
        return self._status

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)


def received() -> Takeover | None:
    """Return what a former image has left, once; None if this process was started anew."""
    text = os.environ.pop(VARIABLE, "")
    if not text:
        return None
    said = json.loads(text)
    return Takeover(tuple(said["listeners"]), tuple(Predecessor(**each) for each in said["predecessors"]))


def same_command(*more: str) -> tuple[str, ...]:
    """Return the command with which this process was started, with the interpreter at the same place."""
    return (sys.executable, *sys.orig_argv[1:], *more)


def prove_succeeds(command: Sequence[str]) -> None:
    """Raise Unusable, with its last line, if a command fails that checks the present code and settings."""
    checked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if checked.returncode:
        lines = checked.stderr.strip().splitlines() or ["the new settings can't be used"]
        raise Unusable("%(line)s", line=lines[-1].removeprefix("simsim: "))


def become_new_image(listeners: Sequence[socket.socket] = (), predecessors: Sequence[Predecessor] = ()) -> None:
    """Replace this process. Raises OSError, and then nothing has changed, if the command can't be run."""
    left = Takeover(tuple(each.fileno() for each in listeners), tuple(predecessors))
    for each in listeners:
        each.set_inheritable(True)
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    command = same_command()
    try:
        os.execve(command[0], command, {**os.environ, VARIABLE: json.dumps(asdict(left))})  # noqa: S606 - no shell
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)


def unblock_signals() -> None:
    """Let the signals in that waited for the new image."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
