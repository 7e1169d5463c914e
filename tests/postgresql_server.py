"""A real PostgreSQL for the tests: a cluster of its own in a scratch directory, stopped when the tests end."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

SERVER_USER = "postgres"


def binaries() -> Path:
    """Return the directory of the newest installed server's programs; raise when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    if not found:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql, or put initdb on the PATH")
    return found[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SOCKETS: list[Path] = []


@functools.cache
def start() -> int:
    """Start the cluster on first use and return its port on 127.0.0.1; SOCKETS then holds its sockets' folder."""
    directory = Path(tempfile.mkdtemp(prefix="simsim-postgresql-"))
    if user := server_user():
        shutil.chown(directory, user=pwd.getpwnam(user).pw_uid)
    data, port = initialise(directory), free_port()
    options = ["fsync=off", f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={directory}"]
    server = spawn(data, options)
    atexit.register(stop, server, directory)
    SOCKETS.append(directory)
    wait_until_ready(port, server)
    return port


def server_user() -> str | None:
    """Return the user as whom the server runs, or None for our own: it refuses to run as root."""
    return SERVER_USER if os.geteuid() == 0 else None


def initialise(directory: Path) -> Path:
    """Make an empty cluster in the directory, and return where its data are."""
    data = directory / "data"
    initdb: list[str | Path] = [
        binaries() / "initdb",
        "-D",
        data,
        "-U",
        SERVER_USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    subprocess.run(initdb, user=server_user(), check=True, stdout=subprocess.DEVNULL, cwd=directory)
    return data


def spawn(data: Path, options: list[str]) -> "subprocess.Popen[bytes]":
    command: list[str | Path] = [binaries() / "postgres", "-D", data]
    command += [part for option in options for part in ("-c", option)]
    with (data.parent / "log").open("w") as log:
        return subprocess.Popen(command, user=server_user(), stdout=log, stderr=log, cwd=data.parent)


@contextlib.contextmanager
def standby() -> Iterator[int]:
    """Run a streaming standby that replays nothing for an hour, and give its port."""
    primary = start()
    directory = Path(tempfile.mkdtemp(prefix="simsim-standby-"))
    if user := server_user():
        shutil.chown(directory, user=pwd.getpwnam(user).pw_uid)
    data, port = directory / "data", free_port()
    options = ("-R", "-X", "stream", "-c", "fast", "-N")
    copy: list[str | Path] = [binaries() / "pg_basebackup", "-D", data, "-d", url(primary, "postgres"), *options]
    subprocess.run(copy, user=user, check=True, cwd=directory)
    settings = ["fsync=off", f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={directory}"]
    server = spawn(data, [*settings, "recovery_min_apply_delay=1h"])
    try:
        wait_until_ready(port, server)
        yield port
    finally:
        stop(server, directory)


def wait_until_ready(port: int, server: "subprocess.Popen[bytes]", database: str = "postgres") -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url(port, database), connect_timeout=1).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def stop(server: "subprocess.Popen[bytes]", directory: Path) -> None:
    server.send_signal(2)  # SIGINT: fast shutdown, without waiting for clients
    server.wait(timeout=20)
    shutil.rmtree(directory, ignore_errors=True)


def url(port: int, database: str) -> str:
    return f"postgresql://{SERVER_USER}@127.0.0.1:{port}/{database}"


def create_database(name: str, template: str = "template1") -> str:
    """Create a database, empty unless it is to be the copy of another, and return its URL."""
    port = start()
    with psycopg.connect(url(port, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return url(port, name)
