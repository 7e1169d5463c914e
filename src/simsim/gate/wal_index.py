"""The header of SQLite's WAL-index, in the file `-shm`, which tells processes about each other's commits.

https://www.sqlite.org/walformat.html, "The WAL-Index Header": two equal copies of 48 bytes, which hold a counter of
commits, the number of frames in the log, their running checksum and the log's random salts. SQLite compares them at the
beginning of each read to learn whether its pages in memory are still current, and writes them before a COMMIT returns.
So a result that was read under a header holds for as long as the header stays the same.
"""

import ctypes
import mmap
import os
import sqlite3
import threading
from pathlib import Path

HEADER_BYTES = 96
_COPY_BYTES = HEADER_BYTES // 2

Identity = tuple[int, int]

# Kept open while the file has a name: closing any descriptor of a file drops every POSIX lock that the process holds on
# it. A connection of this process (ours or Django's) would lose its lock and write at the same time as another writer.
# A file without a name belongs to no database that can still be opened.
_mapped: dict[Identity, tuple[int, mmap.mmap]] = {}
_mapping = threading.Lock()  # without it, the second of two threads that map one file would close its descriptor


class WalIndex:
    """The header of one open database's WAL-index.

    Read it only while its connection is open: the lock of that connection keeps others from truncating the file, and
    reading a truncated page kills the process with SIGBUS.
    """

    def __init__(self, path: Path, identity: Identity, memory: mmap.mmap) -> None:
        self._path = path
        self._identity = identity
        self._memory = memory
        self._header: bytes | None = None

    def header(self) -> bytes | None:
        """Return the header, or None while a commit is being written.

        Returns the same object until the header changes.
        """
        header = self._memory[:HEADER_BYTES]
        if header != self._header:
            self._header = header if header[:_COPY_BYTES] == header[_COPY_BYTES:] else None
        return self._header

    def is_current(self) -> bool:
        """Whether the file is still the one at its path."""
        try:
            return identity_of(self._path) == self._identity
        except OSError:
            return False


def open_wal_index(connection: sqlite3.Connection) -> WalIndex | None:
    """Return the WAL-index of a connection's database, or None if it has none that can be read.

    Raises sqlite3.Error.
    """
    # Reading the schema opens the WAL-index; from then on, no other connection can leave WAL mode.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        return None
    # Use the name as SQLite resolved it: a -shm file beside a symbolic link would be missing or another database's.
    (_, _, name), *_ = connection.execute("PRAGMA database_list").fetchall()
    path = Path(f"{name}-shm")
    try:
        with _mapping:
            return WalIndex(path, *_mapped_file(path))
    except (OSError, ValueError):  # ValueError means an empty file
        return None


def identity_of(path: Path) -> Identity:
    """Return which file is at a path. Raises OSError."""
    return _identity(os.stat(path))  # noqa: PTH116 - on the hot path, and half the cost of Path.stat


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _mapped_file(path: Path) -> tuple[Identity, mmap.mmap]:
    """Return which file is at a path, and its mapped memory. Raises OSError."""
    identity = identity_of(path)
    if identity not in _mapped:
        _let_go_of_nameless()
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        # Ask the descriptor: between two checks, the name may have been given to another file.
        identity = _identity(os.fstat(descriptor))
        memory = mmap.mmap(descriptor, HEADER_BYTES, prot=mmap.PROT_READ)
        # Never release this reference: at exit, the interpreter would close the mapping's descriptor, and so drop the
        # lock of a thread that still writes.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
        _mapped[identity] = descriptor, memory
    return identity, _mapped[identity][1]


def _let_go_of_nameless() -> None:
    for identity, (descriptor, memory) in list(_mapped.items()):
        if os.fstat(descriptor).st_nlink == 0:
            del _mapped[identity]
            memory.close()
            os.close(descriptor)
