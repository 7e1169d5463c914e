"""The files of a spool and their lines: each file is identified by its beginning and read from its stored position."""

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from simsim.gate import spool

MAX_LINE_BYTES = 256 * 1024
CURRENT_GATEWAY_FILE = "gateway.jsonl"
UNTOUCHED_SECONDS = 600
ENDS = f"{spool.ENDS}-*.jsonl"
NODE_ENDS = f"{spool.NODE_ENDS}-*.jsonl"

_has_request_id = re.compile(rb'"id": ?"[0-9a-f]{32}"').search
# Quotes inside a JSON text are escaped, so this text occurs only at the start of a line.
START_OF_A_LINE = '{"id":"'


@dataclass(frozen=True)
class SpoolFile:
    """An open file that is not empty. `identity` survives renames; `is_finished` means that nobody can write to the
    file any more.

    `begins_at` is where its first line begins; `is_ours` means that the file is deleted once all of it is shipped. The
    descriptor refers to this file even if another file has taken its name. It is closed when the next file is taken.
    """

    path: Path
    descriptor: int
    identity: str
    is_finished: bool
    status: os.stat_result
    begins_at: int = 0
    is_ours: bool = True

    @property
    def name(self) -> str:
        return self.path.name


class Piece(NamedTuple):
    """Consecutive lines, the offset of the next line, and whether the file had no more lines."""

    data: bytes
    end: int
    is_at_end: bool

    @property
    def lines(self) -> list[bytes]:
        """The lines without their newlines."""
        return self.data.removesuffix(b"\n").split(b"\n") if self.data else []

    @property
    def text(self) -> str:
        """The lines as one text, without the last newline."""
        return self.data.removesuffix(b"\n").decode("utf-8", "replace")


def gate_files(directory: Path) -> Iterator[SpoolFile]:
    """Yield the files of decided lines, oldest first; delete empty ones without a writer."""
    return _known(sorted(directory.glob("gate-*.jsonl")), _is_unlocked)


def gateway_files(directory: Path) -> Iterator[SpoolFile]:
    """Yield the files of completed lines, the oldest first and nginx's current one last."""
    yield from ends_files(directory)
    yield from _known(sorted(directory.glob("gateway-*.jsonl")), has_no_writer)
    yield from _known([directory / CURRENT_GATEWAY_FILE], lambda _: False)


def ends_files(directory: Path) -> Iterator[SpoolFile]:
    """Yield the files of completed lines that middlewares write, oldest first; delete empty ones without a writer."""
    return _known(sorted(directory.glob(ENDS)), _is_unlocked)


def node_files(directory: Path) -> Iterator[SpoolFile]:
    """Yield the files of lines that came from nodes on other hosts, oldest first."""
    return _known(sorted(directory.glob(NODE_ENDS)), _is_unlocked)


def has_gateway(directory: Path) -> bool:
    """Whether a gateway, a middleware or a node writes, or wrote, the ends of requests to this spool."""
    return any(True for pattern in ("gateway*.jsonl", ENDS, NODE_ENDS) for _ in directory.glob(pattern))


def read_lines(file: SpoolFile, offset: int, max_bytes: int = MAX_LINE_BYTES) -> Piece:
    """Return the complete lines from the offset on, at most `max_bytes` of them.

    The last line of a finished file needs no newline. A line that is longer than `max_bytes` comes in pieces.
    """
    size = os.fstat(file.descriptor).st_size
    if size < offset:
        # If one of our own files is now shorter, it was truncated after shipping. If another proxy's log is shorter, it
        # was not truncated: it is a copy that is still being made.
        return Piece(b"", size if file.is_ours else offset, is_at_end=True)
    data = os.pread(file.descriptor, max_bytes, offset)
    is_at_end = len(data) < max_bytes
    length = data.rfind(b"\n") + 1
    if file.is_finished if is_at_end else not length:
        length = len(data)
    return Piece(data[:length], offset + length, is_at_end)


def split_merged(text: str, begins: str = START_OF_A_LINE) -> tuple[str, str] | None:
    """Return the unfinished line of a writer that died, and the line that the next writer added after it, or None."""
    at = text.rfind(begins)
    return (text[:at], text[at:]) if at > 0 else None


def delete(file: SpoolFile) -> None:
    """Delete a file, unless it is gone or another file now has its name."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(file.path.stat(), file.status):
            file.path.unlink()


def _known(paths: Iterable[Path], is_finished: Callable[[int], bool]) -> Iterator[SpoolFile]:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # renamed or deleted since the listing; the next listing finds a renamed file
        try:
            # Check this before reading: lines that a writer adds between reading and the check would be deleted unread.
            finished = is_finished(descriptor)
            identity = identity_of(descriptor, path.name if finished else None)
            if identity:
                yield SpoolFile(path, descriptor, identity, finished, os.fstat(descriptor))
            elif finished:
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def identity_of(descriptor: int, finished_name: str | None) -> str | None:
    """Return a file's identity: the hash of its beginning, up to its first line with a request's id.

    Return None until there is such a line, because two files may begin with the same text before it. A finished file
    without such a line is identified by its name and its whole text; the result is None if it is empty.
    """
    for max_bytes in (4096, MAX_LINE_BYTES):
        beginning = os.pread(descriptor, max_bytes, 0)
        found = _has_request_id(beginning)
        newline = beginning.find(b"\n", found.end()) if found else -1
        if newline >= 0:
            return hashlib.sha256(beginning[: newline + 1]).hexdigest()
        if len(beginning) < max_bytes:
            break
    else:
        return hashlib.sha256(beginning).hexdigest()
    if finished_name is None or not beginning:
        return None
    return hashlib.sha256(os.fsencode(finished_name) + b"\n" + beginning).hexdigest()


def _is_unlocked(descriptor: int) -> bool:
    """Whether the file's writer is gone or writes another file: it holds a lock while it writes."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_no_writer(descriptor: int) -> bool:
    """Whether no process has the rotated file open for writing. Nobody opens it again under its new name."""
    try:
        # A broken lease must send a signal that is ignored by default: SIGIO would kill the process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        # Linux grants a read lease only while no process has the file open for writing.
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return False
    except (AttributeError, OSError):
        # Leases do not work here (another system, file system or owner). After this time, every writer has moved on to
        # the new file.
        return time.time() - os.fstat(descriptor).st_mtime > UNTOUCHED_SECONDS
    return True
