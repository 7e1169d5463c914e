"""A granian server on an inherited listening socket, which always restarts its processes, and gives way to a successor.

`python -m simsim.operations.http_server FORM` accepts granian's own arguments after the form of its messages. They also
show in the list of processes where it listens.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import granian.cli
from granian._granian import SocketHolder
from granian.log import LOGGING_CONFIG, logger
from granian.server.mp import MPServer

from simsim.operations.log_format import LogFormat, MaskPasswords, formatter
from simsim.operations.server_process import LISTENER, REPLACED

# How long to wait for one process; the others answer requests in the meantime.
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 15.0
CALM_SECONDS = 60.0


# Once it is replaced, a process gets this long for requests on connections that it has already accepted, and this long
# to finish its answers, such as downloads.
LAST_REQUEST_SECONDS = 2.0
LAST_ANSWER_SECONDS = 600.0


class Server(MPServer):
    """A server that restarts any process that ends, after a growing wait, while the other processes keep running.

    On SIGHUP, when others have taken over, it accepts no more connections, finishes its requests, and ends.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._failures: dict[int, int] = {}
        self._due: dict[int, float] = {}
        # A process must not die of the signal before it can handle it.
        signal.signal(REPLACED, signal.SIG_IGN)

    def _init_shared_socket(self) -> None:
        """Share the inherited socket.

        On Linux, each granian process has its own listening socket: when a process ends or is killed, its waiting
        connections are reset, and its socket is missing until it has restarted.
        """
        # Keep Python's socket, so that its descriptor stays open in the forked processes.
        self._sso = socket.socket(fileno=int(os.environ[LISTENER]))
        self._sso.set_inheritable(True)
        holder: Any = SocketHolder
        self._ssp, self._sfd = None, self._sso.fileno()  # type: ignore[assignment]
        self._shd = holder(self._sfd, self._sso.family == socket.AF_UNIX, self.backlog)

    def _unlink_pidfile(self) -> None:
        """Leave the Unix socket, on which successors may listen. There is no file with our process id."""

    def _serve_loop(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        """Serve until asked to stop. granian's own loop would stop all processes when one fails twice in a row."""
        while True:
            self.main_loop_interrupt.wait(self._seconds_until_due())
            self.main_loop_interrupt.clear()
            if self.interrupt_signal:
                return
            if self.reload_signal:
                self._finish()
                return
            self._note_deaths()
            now = time.monotonic()
            for index in [index for index, due_at in self._due.items() if now >= due_at]:
                del self._due[index]
                self._respawn_workers([index], spawn_target, target_loader)

    def _finish(self) -> None:
        """Have each process accept no more and finish its requests; return when all have ended, or when asked to."""
        processes = [worker.inner for worker in self.wrks if worker.inner.is_alive()]
        for process in processes:
            os.kill(process.pid, REPLACED)
        self._wait(LAST_REQUEST_SECONDS)
        for worker in self.wrks:
            worker.terminate()  # type: ignore[no-untyped-call]
        deadline = time.monotonic() + LAST_ANSWER_SECONDS
        while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
            if self._wait(0.1):
                return

    def _wait(self, seconds: float) -> bool:
        """Return True as soon as a signal asks to stop, False after that time, even if a process ends before."""
        deadline = time.monotonic() + seconds
        while not self.interrupt_signal and (left := deadline - time.monotonic()) > 0:
            self.main_loop_interrupt.wait(left)
            self.main_loop_interrupt.clear()
        return self.interrupt_signal

    def _note_deaths(self) -> None:
        now = time.monotonic()
        while self.interrupt_children:
            index = self.interrupt_children.pop()
            is_calm = now - self.wrks[index].birth > CALM_SECONDS
            failures = 0 if is_calm else self._failures.get(index, 0)
            self._failures[index] = failures + 1
            wait = min(FIRST_WAIT_SECONDS * 2 ** min(failures, 20), MAX_WAIT_SECONDS)
            self._due[index] = now + wait
            logger.error(f"Process {index + 1} restarts in {wait:g} s")

    def _seconds_until_due(self) -> float | None:
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None


def main() -> None:
    """Run granian's command line with this server instead of its own."""
    vars(granian.cli)["Server"] = Server
    log_format = LogFormat(sys.argv.pop(1))
    config: dict[str, Any] = LOGGING_CONFIG
    config["filters"] = {"no_passwords": {"()": MaskPasswords}}
    config["handlers"]["console"]["filters"] = ["no_passwords"]
    layout = {"text": "[%(levelname)s] %(message)s", "style": "%"}
    config["formatters"]["generic"] = {"()": formatter, "log_format": log_format, **layout}
    granian.cli.cli(auto_envvar_prefix="GRANIAN")


if __name__ == "__main__":
    main()
