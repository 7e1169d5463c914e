"""The processes of a program, as Linux shows them under /proc; elsewhere nothing is known of them."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Family:
    """A process and its descendants: how many they are, and the memory that they occupy."""

    processes: int
    resident_bytes: int


def family_of(pid: int) -> Family | None:
    """Return a process and its descendants, or None if there is no such process, or no /proc."""
    found = _descendants(pid)
    sizes = [size for size in map(_resident_bytes, found) if size is not None]
    return Family(len(sizes), sum(sizes)) if sizes else None


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:  # grows while it is read
        try:
            threads = list((PROC / str(parent) / "task").iterdir())
            found += [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:  # ended a moment ago
            continue
    return found


def _resident_bytes(pid: int) -> int | None:
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return None
