"""A server's process: it dies with the server, reports that it is ready, and accepts no more once it is replaced."""

import contextlib
import os
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simsim.gate.asgi import Receive, Scope, Send
from simsim.gateway.nginx_process import die_with_parent

# Tells a program that a supervisor runs it. A program that was started by hand must survive its terminal.
SUPERVISED = "SIMSIM_SUPERVISED"
# The descriptor of the socket on which a server listens.
LISTENER = "SIMSIM_LISTENER"
# The descriptor of a pipe to the supervisor, to which each process that is ready writes a byte.
READY = "SIMSIM_READY"
# The server sends it to its processes when others have taken over.
REPLACED = signal.SIGUSR2
DESCRIPTORS = Path("/proc/self/fd")

_is_replaced = False


def enter_service() -> None:
    """Tie this process to its server, and tell the supervisor that it is ready. Called before it accepts."""
    if os.environ.get(SUPERVISED):
        die_with_parent(os.getppid())
    signal.signal(REPLACED, lambda *_: leave_service())
    if descriptor := os.environ.get(READY):
        # The pipe is full only if the processes have restarted tens of thousands of times.
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b".")


def leave_service() -> None:
    """Accept no more connections, leave the waiting ones to the successors, and end each connection with its answer.

    The server can't be asked to stop accepting only: when it stops, it closes connections that it has just accepted.
    So a socket to which nobody can connect takes the place of the listening one, which stays open in the successors.
    """
    global _is_replaced  # noqa: PLW0603
    _is_replaced = True
    with unreachable_listener() as nobody:
        for descriptor in listening_descriptors():
            if descriptor != nobody.fileno():
                os.dup2(nobody.fileno(), descriptor)


class LastAnswers:
    """An ASGI application whose answers, once the process is replaced, ask the client to open a new connection."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application(scope, receive, closing(send) if _is_replaced and scope["type"] == "http" else send)


def closing(send: Send) -> Send:
    async def send_last(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return send_last


@contextlib.contextmanager
def unreachable_listener() -> Iterator[socket.socket]:
    """Yield a socket that listens and to which nobody can connect: its name is gone, and was in a private folder."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(Path(folder, "nobody")))
        listener.listen(1)
        listener.setblocking(False)
        yield listener


def listening_descriptors() -> Iterator[int]:
    """Yield this process's descriptors of listening sockets; nothing where the system does not list descriptors."""
    for name in os.listdir(DESCRIPTORS) if DESCRIPTORS.is_dir() else ():  # noqa: PTH208 - names only
        try:
            own = os.dup(int(name))
        except OSError:  # closed a moment ago
            continue
        if not stat.S_ISSOCK(os.fstat(own).st_mode):
            os.close(own)
            continue
        with socket.socket(fileno=own) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield int(name)
