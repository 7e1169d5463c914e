"""The gate's log on its way out: one line for each decision, in a file of the process's own, before the answer leaves.

A file is locked by whoever writes it, and its name appears only once it is; so a file whose lock can be taken has no
writer any more, and whoever takes it may read it to the end and delete it.
"""

import fcntl
import os
import secrets
import time
from pathlib import Path

from simsim.gate import process

MAX_SEGMENT_BYTES = 64 * 1024 * 1024


class Spool:
    """Appends lines to `gate-<unique>.jsonl` in a directory. Nothing is opened before the first line."""

    def __init__(self, directory: Path, *, max_segment_bytes: int = MAX_SEGMENT_BYTES) -> None:
        self._directory = directory
        self._max_segment_bytes = max_segment_bytes
        self._file: int | None = None
        self._generation = 0
        self._size = 0
        self._ends_within_a_line = False

    def append(self, line: bytes) -> None:
        """Write one line, its newline included, so that it outlives this process. Raises OSError when it can't be.

        What a failed call left behind is ended by a newline before the next line, and so costs no line but its own.
        """
        file = self.open()
        if self._ends_within_a_line:
            line = b"\n" + line
        size = len(line)
        # One write for the whole line: a SIGKILL between two would leave half of it.
        written = os.write(file, line)
        while written < size:
            self._ends_within_a_line = True
            written += os.write(file, line[written:])
        self._ends_within_a_line = False
        self._size += size

    def open(self) -> int:
        """Return the descriptor of the file that the next line goes to, opened if need be. Raises OSError."""
        if self._file is not None:
            if self._generation == process.generation() and self._size < self._max_segment_bytes:
                return self._file
            successor = _create(self._directory)
            # After a fork this closes the child's copy alone: the parent's lock stays.
            os.close(self._file)
        else:
            successor = _create(self._directory)
        self._file, self._generation = successor, process.generation()
        self._size, self._ends_within_a_line = 0, False
        return successor

    def close(self) -> None:
        """Let go of the file, so that it can be shipped to its end."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _create(directory: Path) -> int:
    """Return the descriptor of a new locked file in the directory. Raises OSError."""
    name = f"gate-{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
    hidden = directory / f".{name}"
    file = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Locked before it is named: between the two, a reader would find it free, ship it empty and delete it, and
        # every line of this process would go into a file without a name.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(directory / name)
    except OSError:
        os.close(file)
        hidden.unlink(missing_ok=True)
        raise
    return file
