"""The spool: lines that wait to be stored in the log, one for each decision, written before the answer is sent.

Each process writes a file of its own, and locks it before the file gets its name. So a file whose lock is free no
longer has a writer, and the process that takes the lock may read the file to the end and delete it.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TypeVar

from simsim.gate import disk_reserve, process_identity
from simsim.gate.unwritten_lines import Gap

MAX_SEGMENT_BYTES = 64 * 1024 * 1024
# The gate leaves this much room, because nginx writes the ends of accepted requests to the same disk and drops lines
# that do not fit.
ROOM_FOR_ENDS_BYTES = 1024 * 1024
LOOK_SECONDS = 0.02
COPY_BYTES = 1024 * 1024
GATE = "gate"  # decisions
ENDS = "ends"  # how requests ended, written by a middleware in the API's own process
NODE_ENDS = "node-ends"  # how requests to APIs on other hosts ended, written by the gate that these hosts ask

Result = TypeVar("Result")


class Spool:
    """Appends lines to `<stem>-<unique>.jsonl` in a directory. Nothing is opened before the first line.

    A writer of ENDS or NODE_ENDS must open its file before the first request is decided: without such a file, the
    worker does not wait for requests to end.
    """

    def __init__(self, directory: Path, *, stem: str = GATE, max_segment_bytes: int = MAX_SEGMENT_BYTES) -> None:
        self._directory = directory
        self._stem = stem
        self._max_segment_bytes = max_segment_bytes
        self._file: int | None = None
        self._path = directory
        self._generation = 0
        self._size = 0
        self._ends_within_a_line = False
        self._gap: Gap | None = None
        self._gap_generation = 0
        self._looks_at = 0.0

    def append(self, line: bytes) -> None:
        """Write one line, with its newline, so that it survives the end of this process. Raises OSError if that fails.

        The next call ends a partly written line with a newline, so a failure loses only its own line. Decisions that
        could not be written are counted, and reported in a line of their own once there is room again. An end that
        could not be written leaves its request with an unknown outcome.
        """
        try:
            self._append(line)
        except OSError:
            if self._stem == GATE:
                self._miss()
            raise
        if self._gap is not None:
            self._tell_of_the_gap(self._gap)

    def append_note(self, line: bytes) -> bool:
        """Write a line about no request, and return whether that worked: the disk may have no room."""
        try:
            self._append(line)
        except OSError:
            return False
        return True

    def open(self) -> int:
        """Return the descriptor of the file for the next line, opened if needed. Raises OSError."""
        if monotonic() >= self._looks_at:
            self._look()
        if self._file is not None:
            if self._generation == process_identity.generation() and self._size < self._max_segment_bytes:
                return self._file
            self._keep_name()
            successor = self._making_room(self._create)
            # After a fork this closes only the child's copy: the parent's lock stays.
            os.close(self._file)
        else:
            successor = self._making_room(self._create)
        self._file, self._path = successor
        self._generation = process_identity.generation()
        self._size, self._ends_within_a_line = 0, False
        return self._file

    def close(self) -> None:
        """Close the file, so that the worker can ship all of it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._keep_name()
            os.close(self._file)
            self._file = None

    def _append(self, line: bytes) -> None:
        file = self.open()
        if self._ends_within_a_line:
            line = b"\n" + line
        size = len(line)
        # Write the whole line at once: a SIGKILL between two writes would leave half of it.
        try:
            written = os.write(file, line)
        except OSError as error:
            self._make_room(error)
            written = os.write(file, line)
        while written < size:
            self._ends_within_a_line = True
            rest = line[written:]
            written += self._making_room(lambda rest=rest: os.write(file, rest))  # type: ignore[misc]
        self._ends_within_a_line = False
        self._size += size

    def _look(self) -> None:
        """Check the disk's room and the file's name. Raises OSError."""
        if self._stem == GATE:  # the lines of ended requests may use the last free space
            self._leave_room_for_ends()
        self._keep_name()
        self._looks_at = monotonic() + LOOK_SECONDS

    def _keep_name(self) -> None:
        """Continue in a copy of the file when somebody has deleted it or moved it away. Raises OSError.

        The copy holds the whole file: the worker identifies a file by its beginning, so it continues where it stopped
        and ships each line once. The old file can't get a new name: Linux can't link a file that has none.
        """
        if self._file is None or self._generation != process_identity.generation():
            return  # the parent still uses the name
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return
        nameless = self._file
        self._file, self._path = self._making_room(lambda: self._create(nameless))
        os.close(nameless)

    def _leave_room_for_ends(self) -> None:
        """Delete the ballast before the disk is full.

        Raises OSError if only the room for the lines of ended requests is left.
        """
        room = os.statvfs(self._directory)
        # Some file systems report no sizes.
        if room.f_blocks and room.f_bavail * room.f_frsize < ROOM_FOR_ENDS_BYTES:
            if not disk_reserve.is_kept(self._directory):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            disk_reserve.let_go(self._directory)

    def _miss(self) -> None:
        generation = process_identity.generation()
        # The parent reports the lines that were lost before the fork.
        earlier = self._gap if self._gap_generation == generation else None
        self._gap, self._gap_generation = Gap.after(earlier, time.time()), generation

    def _tell_of_the_gap(self, gap: Gap) -> None:
        try:
            if self._gap_generation == process_identity.generation():
                self._append(gap.line())
        except OSError:
            return  # tried again with the next line
        self._gap = None

    def _making_room(self, attempt: Callable[[], Result]) -> Result:
        """Return the attempt's result; make room and try once more if the disk was full."""
        try:
            return attempt()
        except OSError as error:
            self._make_room(error)
            return attempt()

    def _make_room(self, error: OSError) -> None:
        """Delete the ballast if the disk is full; raise any other error again.

        A missing ballast is not an error: another process may have deleted it a moment ago, and made room for this one.
        """
        if error.errno not in disk_reserve.FULL:
            raise error
        disk_reserve.let_go(self._directory)

    def _create(self, beginning: int | None = None) -> tuple[int, Path]:
        """Return the descriptor and the path of a new locked file in the directory. Raises OSError.

        The file begins with a copy of the file `beginning`.
        """
        name = f"{self._stem}-{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        hidden = self._directory / f".{name}"
        file = os.open(hidden, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Lock the file before it gets its name: otherwise a reader could find it unlocked and empty and delete it,
            # and this process would write every line into a deleted file.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Copy before the file gets its name: from a partial copy, the worker would conclude that the rest had been
            # cut off.
            if beginning is not None:
                _copy(beginning, file)
            hidden.rename(self._directory / name)
        except OSError:
            os.close(file)
            hidden.unlink(missing_ok=True)
            raise
        return file, self._directory / name


def _copy(source: int, target: int) -> None:
    offset = 0
    while data := os.pread(source, COPY_BYTES, offset):
        offset += os.write(target, data)
