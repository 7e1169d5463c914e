"""The lines in a node's spool that are not in the log yet. Only reads."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simsim.gate.worker_health import LINE_FILES
from simsim.request_log.ship.lines import parse_completed, parse_gate_line
from simsim.request_log.ship.shipper import LOCK_NAME, SPOOL_ID_LENGTH
from simsim.request_log.ship.spool_files import MAX_LINE_BYTES, identity_of

# Lines beyond this size are not counted, so that a backlog of a million lines can be reported quickly.
MAX_COUNTED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Backlog:
    """`lines` counts the lines in each file's first MAX_COUNTED_BYTES.

    `size_bytes` is the size of everything, and `since` the time of the oldest line.
    """

    lines: int
    size_bytes: int
    since: datetime


@dataclass(frozen=True)
class Waiting:
    """The size of the lines that wait in a spool, and the time of the oldest."""

    size_bytes: int
    since: datetime


def spool_name(directory: Path) -> str | None:
    """Return the name that the first worker gave the spool, or None if no worker has run there yet."""
    try:
        name = (directory / LOCK_NAME).read_text(encoding="ascii")[:SPOOL_ID_LENGTH]
    except (OSError, UnicodeDecodeError):
        return None
    return name if len(name) == SPOOL_ID_LENGTH else None


def backlog(directory: Path, positions: Mapping[str, int]) -> Backlog | None:
    """Return a summary of the lines of a spool that are not shipped yet, by `positions`; None if there are none."""
    found = list(_waiting(directory, positions, MAX_COUNTED_BYTES))
    if not found:
        return None
    return Backlog(
        sum(each.lines for each in found), sum(each.size_bytes for each in found), min(each.since for each in found)
    )


def waiting_bytes(directory: Path, positions: Mapping[str, int]) -> Waiting | None:
    """Return what waits in a spool without counting its lines, so that its size does not matter; None if none waits."""
    found = list(_waiting(directory, positions, MAX_LINE_BYTES))
    return Waiting(sum(each.size_bytes for each in found), min(each.since for each in found)) if found else None


def shipped_bytes(directory: Path, positions: Mapping[str, int]) -> dict[int, int]:
    """Return how many bytes of each file in a spool are shipped.

    Files are identified by inode, which stays the same after a rename.
    """
    return {os.fstat(descriptor).st_ino: offset for descriptor, offset in _files(directory, positions)}


def _waiting(directory: Path, positions: Mapping[str, int], max_bytes: int) -> Iterator[Backlog]:
    for descriptor, offset in _files(directory, positions):
        data = os.pread(descriptor, max_bytes, offset)
        status = os.fstat(descriptor)
        # A line counts once it ends in a newline.
        if lines := data.count(b"\n"):
            first = data[:MAX_LINE_BYTES].partition(b"\n")[0].decode("utf-8", "replace")
            line = parse_gate_line(first) or parse_completed(first)
            since = line.at if line else datetime.fromtimestamp(status.st_mtime, UTC)
            yield Backlog(lines, status.st_size - offset, since)


def _files(directory: Path, positions: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield the descriptor of each file in a spool, and the number of its shipped bytes.

    The descriptor is closed when the next file is taken.
    """
    for path in sorted(path for pattern in LINE_FILES for path in directory.glob(pattern)):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # shipped and deleted since the listing
            continue
        try:
            # The name matters only for a file without an id in any line, and such a file is not shipped before it is
            # finished.
            identity = identity_of(descriptor, path.name)
            yield descriptor, positions.get(identity, 0) if identity else 0
        finally:
            os.close(descriptor)
