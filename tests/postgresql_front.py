"""What operators put in front of PostgreSQL: a pooler of transactions, and an address that moves to another server."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import postgresql_server

POOL_SIZE = 2
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user={user}
[pgbouncer]
pool_mode = {mode}
default_pool_size = {size}
server_login_retry = 1
"""
LISTENER = """
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
"""


@contextlib.contextmanager
def pooler(server_port: int, *, mode: str = "transaction") -> Iterator[int]:
    """Run PgBouncer and give its port: all clients of a database share POOL_SIZE sessions of the server's."""
    user = postgresql_server.SERVER_USER
    with running(SETTINGS.format(server=server_port, user=user, size=POOL_SIZE, mode=mode)) as port:
        yield port


@contextlib.contextmanager
def running(settings: str, *, database: str = "postgres") -> Iterator[int]:
    """Run PgBouncer with settings that end with its own section, and give its port once the database answers."""
    user = postgresql_server.SERVER_USER if os.geteuid() == 0 else None
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        raise RuntimeError("PgBouncer is not installed: apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="simsim-pooler-") as directory:
        path, port = Path(directory) / "pgbouncer.ini", postgresql_server.free_port()
        path.write_text(settings + LISTENER.format(port=port))
        if user:
            shutil.chown(directory, user=pwd.getpwnam(user).pw_uid)
        process = subprocess.Popen(
            [binary, path], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory
        )
        try:
            postgresql_server.wait_until_ready(port, process, database)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


class Address:
    """A TCP address behind which one server stands, and then another: its connections break when it moves."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def move(self, server_port: int) -> None:
        with self._lock:
            self._server_port = server_port
            self._cut()

    def close(self) -> None:
        # Without a shutdown the thread that waits in accept() keeps the port open.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        connections, self._open = self._open, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), self._connected(client) as server:
            back = threading.Thread(target=_carry, args=(server, client), daemon=True)
            back.start()
            _carry(client, server)
            back.join()

    def _connected(self, client: socket.socket) -> socket.socket:
        with self._lock:  # no connection to the former server may slip in after a move
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._open += (client, server)
        return server


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def address(server_port: int) -> Iterator[Address]:
    opened = Address(server_port)
    try:
        yield opened
    finally:
        opened.close()
