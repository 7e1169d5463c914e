"""Lines on their way into the log: one for each decision, in a file of the process's own, before the answer leaves.

A file is locked by whoever writes it, and its name appears only once it is; so a file whose lock can be taken has no
writer any more, and whoever takes it may read it to the end and delete it.
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

from simsim.gate import ballast, process
from simsim.gate.gap import Gap

MAX_SEGMENT_BYTES = 64 * 1024 * 1024
# What the gate leaves free: the ends of what was let in go to the same disk, and nginx drops what does not fit.
ROOM_FOR_ENDS_BYTES = 1024 * 1024
LOOK_SECONDS = 0.02
COPY_BYTES = 1024 * 1024
GATE = "gate"  # what was decided
ENDS = "ends"  # how requests ended, told by a middleware in the API's own process

Result = TypeVar("Result")


class Spool:
    """Appends lines to `<stem>-<unique>.jsonl` in a directory. Nothing is opened before the first line.

    Who writes ENDS opens the file before the first request is decided: without one, no end is waited for.
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
        """Write one line, its newline included, so that it outlives this process. Raises OSError when it can't be.

        What a failed call left behind is ended by a newline before the next line, and so costs no line but its own.
        Decisions that could not be written are counted, and told of in a line of their own once there is room again; an
        end that was not leaves its request with an unknown outcome, which tells enough.
        """
        try:
            self._append(line)
        except OSError:
            if self._stem == GATE:
                self._miss()
            raise
        if self._gap is not None:
            self._tell_of_the_gap(self._gap)

    def open(self) -> int:
        """Return the descriptor of the file that the next line goes to, opened if need be. Raises OSError."""
        if monotonic() >= self._looks_at:
            self._look()
        if self._file is not None:
            if self._generation == process.generation() and self._size < self._max_segment_bytes:
                return self._file
            self._keep_name()
            successor = self._making_room(self._create)
            # After a fork this closes the child's copy alone: the parent's lock stays.
            os.close(self._file)
        else:
            successor = self._making_room(self._create)
        self._file, self._path = successor
        self._generation = process.generation()
        self._size, self._ends_within_a_line = 0, False
        return self._file

    def close(self) -> None:
        """Let go of the file, so that it can be shipped to its end."""
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
        # One write for the whole line: a SIGKILL between two would leave half of it.
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
        """Look at the disk's room and at the file's name. Raises OSError."""
        if self._stem == GATE:  # who writes ends may use the last room
            self._leave_room_for_ends()
        self._keep_name()
        self._looks_at = monotonic() + LOOK_SECONDS

    def _keep_name(self) -> None:
        """Go on in a copy of the file when somebody has deleted it or moved it away. Raises OSError.

        The copy holds all of it: the worker knows a file by its beginning, and so ships on from where it was, each line
        once. It can't be given its name again: Linux links no file that has none.
        """
        if self._file is None or self._generation != process.generation():
            return  # the file is the parent's to keep
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return
        nameless = self._file
        self._file, self._path = self._making_room(lambda: self._create(nameless))
        os.close(nameless)

    def _leave_room_for_ends(self) -> None:
        """Give the ballast away before the disk is full. Raises OSError when only the room for ends is left."""
        room = os.statvfs(self._directory)
        # Some file systems tell nothing.
        if room.f_blocks and room.f_bavail * room.f_frsize < ROOM_FOR_ENDS_BYTES:
            if not ballast.is_kept(self._directory):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            ballast.let_go(self._directory)

    def _miss(self) -> None:
        generation = process.generation()
        # What a parent missed before the fork is the parent's to tell.
        earlier = self._gap if self._gap_generation == generation else None
        self._gap, self._gap_generation = Gap.after(earlier, time.time()), generation

    def _tell_of_the_gap(self, gap: Gap) -> None:
        try:
            if self._gap_generation == process.generation():
                self._append(gap.line())
        except OSError:
            return  # with the next line
        self._gap = None

    def _making_room(self, attempt: Callable[[], Result]) -> Result:
        """Return what the attempt returns, made once more if the disk was full."""
        try:
            return attempt()
        except OSError as error:
            self._make_room(error)
            return attempt()

    def _make_room(self, error: OSError) -> None:
        """Give the ballast away if the disk is full, or raise the error again: there is nothing to be done.

        No error when the ballast is gone: another process may have given it away a moment ago, and made room for us.
        """
        if error.errno not in ballast.FULL:
            raise error
        ballast.let_go(self._directory)

    def _create(self, beginning: int | None = None) -> tuple[int, Path]:
        """Return the descriptor and the path of a new locked file in the directory. Raises OSError.

        It begins with what the file `beginning` holds.
        """
        name = f"{self._stem}-{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        hidden = self._directory / f".{name}"
        file = os.open(hidden, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Locked before it is named: between the two, a reader would find it free, ship it empty and delete it, and
            # every line of this process would go into a file without a name.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Copied before it is named: of a part the worker would believe that the rest was cut away.
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
