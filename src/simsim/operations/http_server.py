"""A granian server that keeps its listening socket open when a process ends, and always restarts the process.

`python -m simsim.operations.http_server FORM` accepts granian's own arguments after the form of its messages.
"""

import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import granian.cli
from granian._granian import ListenerSpec
from granian.log import LOGGING_CONFIG, logger
from granian.server.mp import MPServer

from simsim.operations.log_format import LogFormat, MaskPasswords, formatter

# How long to wait for one process; the others answer requests in the meantime.
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 15.0
CALM_SECONDS = 60.0


class Server(MPServer):
    """A server that restarts any process that ends, after a growing wait, while the other processes keep running."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._failures: dict[int, int] = {}
        self._due: dict[int, float] = {}

    def _init_shared_socket(self) -> None:
        """Listen in this process and share the socket.

        On Linux, each granian process has its own listening socket: when a process ends or is killed, its waiting
        connections are reset, and its socket is missing until it has restarted.
        """
        if self.bind_uds:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
            return
        holder = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._ssp, self._shd, self._sfd = None, holder, holder.get_fd()  # type: ignore[assignment]
        # Keep Python's socket, so that its descriptor stays open in the forked processes.
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)

    def _serve_loop(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        """Serve until asked to stop. granian's own loop would stop all processes when one fails twice in a row."""
        while True:
            self.main_loop_interrupt.wait(self._seconds_until_due())
            self.main_loop_interrupt.clear()
            if self.interrupt_signal:
                return
            self._note_deaths()
            now = time.monotonic()
            for index in [index for index, due_at in self._due.items() if now >= due_at]:
                del self._due[index]
                self._respawn_workers([index], spawn_target, target_loader)
            if self.reload_signal:
                self._due.clear()
                self._reload(spawn_target, target_loader)
                # Handle a signal that arrived in the meantime now, not only when the next one arrives.
                self.main_loop_interrupt.set()

    def _reload(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        """Replace the processes one by one, each only after its successor has started; stop early when asked."""
        self.reload_signal = False
        self._failures.clear()
        for index in range(self.workers):
            if self.interrupt_signal:
                return
            self._respawn_workers([index], spawn_target, target_loader, delay=self.respawn_interval)

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
