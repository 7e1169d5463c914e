"""One migration at a time: a lock on the data directory for one machine, and one in PostgreSQL for all nodes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_FILE = "migrate.lock"
PAUSE_SECONDS = 0.2
# An arbitrary number that nothing else uses in this database: "simsim" in ASCII.
ADVISORY_LOCK = 0x73696D73696D


@contextmanager
def migration_lock(data_dir: Path) -> Iterator[None]:
    """Wait until no other process migrates these databases or this data directory, then keep others out."""
    with ExitStack() as locks:
        locks.enter_context(locked_file(data_dir / LOCK_FILE))
        for alias in connections:
            if connections[alias].vendor == "postgresql":
                locks.enter_context(locked_database(connections[alias]))
        yield


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_database(migrated: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold an advisory lock in a transaction on a separate connection. During a transaction, a pooler can't give the
    session to another client.

    We poll for the lock: waiting inside a statement would keep a snapshot, and an index that the other migration
    builds concurrently would wait for that snapshot to end.
    """
    connection = migrated.copy()
    try:
        while True:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])
                is_ours = cursor.fetchone()[0]
                if is_ours:
                    # During a long migration this transaction is idle: if the server ended it, others could start.
                    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    break
            connection.rollback()
            time.sleep(PAUSE_SECONDS)
        yield
    finally:
        connection.close()
