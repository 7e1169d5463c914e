"""What operators put in front of PostgreSQL: a pooler of transactions, and an address that moves to another server."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

import postgresql_server

POOL_SIZE = 2
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = {user}
pool_mode = transaction
default_pool_size = {size}
"""


class Pooler:
    """PgBouncer in transaction mode: all clients of a database share POOL_SIZE sessions of the server's."""

    def __init__(self, directory: Path, server_port: int) -> None:
        self.port = postgresql_server.free_port()
        self._settings = directory / "pgbouncer.ini"
        self._write(server_port)
        user = postgresql_server.SERVER_USER if os.geteuid() == 0 else None
        binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if binary is None:
            raise RuntimeError("PgBouncer is not installed: apt-get install pgbouncer")
        if user:
            shutil.chown(directory, user=pwd.getpwnam(user).pw_uid)
        self.process = subprocess.Popen(
            [binary, self._settings], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory
        )
        postgresql_server.wait_until_ready(self.port, self.process)

    def _write(self, server_port: int) -> None:
        text = SETTINGS.format(server=server_port, port=self.port, user=postgresql_server.SERVER_USER, size=POOL_SIZE)
        self._settings.write_text(text)

    def move(self, server_port: int) -> None:
        """Send every later transaction to another server; the clients' connections stay."""
        self._write(server_port)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while self._server_port() != server_port:
            assert time.monotonic() < deadline, "PgBouncer has not read its settings again"
            time.sleep(0.05)

    def _server_port(self) -> int:
        with psycopg.connect(postgresql_server.url(self.port, "postgres"), autocommit=True) as connection:
            row = connection.execute("SELECT inet_server_port()").fetchone()
        assert row is not None
        return int(row[0])


@contextlib.contextmanager
def pooler(server_port: int) -> Iterator[Pooler]:
    with tempfile.TemporaryDirectory(prefix="simsim-pooler-") as directory:
        opened = Pooler(Path(directory), server_port)
        try:
            yield opened
        finally:
            opened.process.terminate()
            opened.process.wait(timeout=20)


class Address:
    """A TCP address behind which one server stands, and then another: its connections break when it moves."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def move(self, server_port: int) -> None:
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
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    client.close()
                    continue
                self._open += (client, server)
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def address(server_port: int) -> Iterator[Address]:
    opened = Address(server_port)
    try:
        yield opened
    finally:
        opened.close()
