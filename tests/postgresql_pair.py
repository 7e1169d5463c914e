"""Two PostgreSQL servers: a primary that commits nothing before its standby has it, and that standby."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

import postgresql_server
from postgresql_server import free_port, url


@dataclass
class Pair:
    """The two servers' ports, and the process of the primary."""

    primary_port: int
    standby_port: int
    primary: "subprocess.Popen[bytes]"

    def create_database(self, name: str) -> None:
        with psycopg.connect(url(self.primary_port, "postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')

    def kill_primary(self) -> None:
        """End the primary at once, with everything that it was doing."""
        self.primary.send_signal(signal.SIGSTOP)  # or it would start some of its processes anew
        path = Path(f"/proc/{self.primary.pid}/task/{self.primary.pid}/children")
        for pid in map(int, path.read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.primary.kill()
        self.primary.wait(20)

    def promote_standby(self) -> None:
        """Let the standby take over; returns when it accepts writes."""
        with psycopg.connect(url(self.standby_port, "postgres"), autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote(true, 30)").fetchall() == [(True,)]


@contextlib.contextmanager
def running() -> Iterator[Pair]:
    with contextlib.ExitStack() as held:
        primary_port, standby_port = free_port(), free_port()
        ours = held.enter_context(scratch())
        primary = held.enter_context(serving(postgresql_server.initialise(ours), primary_port))
        theirs = held.enter_context(scratch())
        copy: list[str | Path] = [
            postgresql_server.binaries() / "pg_basebackup", "-D", theirs / "data", "-d", url(primary_port, "postgres"),
            "-R", "-X", "stream", "-c", "fast", "-N",
        ]  # fmt: skip
        subprocess.run(copy, user=postgresql_server.server_user(), check=True, cwd=theirs)
        held.enter_context(serving(theirs / "data", standby_port))
        # Only from now on, and only here: the standby is to commit alone when it has taken over.
        with psycopg.connect(url(primary_port, "postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 20
            while connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() != [("sync",)]:
                assert time.monotonic() < deadline, "the standby does not keep up"
                time.sleep(0.1)
        yield Pair(primary_port, standby_port, primary)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="simsim-pair-", ignore_cleanup_errors=True) as directory:
        if user := postgresql_server.server_user():
            shutil.chown(directory, user=pwd.getpwnam(user).pw_uid)
        yield Path(directory)


@contextlib.contextmanager
def serving(data: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data.parent}", "fsync=off"]
    server = postgresql_server.spawn(data, options)
    try:
        postgresql_server.wait_until_ready(port, server)
        yield server
    finally:
        if server.poll() is None:
            postgresql_server.stop(server, data.parent)
