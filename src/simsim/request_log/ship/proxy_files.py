"""Follows the files of a proxy's own access log through any rotation, and never changes them."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from simsim.request_log.ship.proxy_formats import AccessLog
from simsim.request_log.ship.spool_files import MAX_LINE_BYTES, SpoolFile, has_no_writer

# Marks the positions of files outside the spool.
IDENTITY_PREFIX = "access-log:"
IDENTITY_LENGTH = 64
FORGOTTEN_AFTER = timedelta(days=1)
# access.json.1, access.json-20261124 (logrotate); access-2026-11-24T12-00-00.000-size.json (Caddy). Not .gz.
_STAMP = r"[-.][0-9][0-9TZ:._-]*(?:-[a-z]+)?"


@dataclass
class Follower:
    """Follows one access log over many rounds; remembers which old files are read to their end."""

    log: AccessLog
    _read: dict[tuple[int, int, int, int], str] = field(default_factory=dict)
    _seen_at: dict[str, datetime] = field(default_factory=dict)

    def files(self, now: datetime) -> Iterator[SpoolFile]:
        """Yield the files that may have new lines, the oldest first and the current one last."""
        for path in [*self._rotated(), self.log.path]:
            # A file that is gone or unreadable must not keep the lines of other files out of the log.
            with contextlib.suppress(OSError), _opened(path) as descriptor:
                status = os.fstat(descriptor)
                if identity := self._read.get(_state(status)):
                    self._seen_at[identity] = now
                    continue
                # Check this before reading: lines that a writer adds between reading and the check would not be read.
                is_finished = path != self.log.path and has_no_writer(descriptor)
                begins_at = _first_byte(descriptor)
                if identity := _identity(
                    descriptor, begins_at, self.log.log_format.at[-1], path if is_finished else None
                ):
                    self._seen_at[identity] = now
                    yield SpoolFile(path, descriptor, identity, is_finished, status, begins_at, is_ours=False)

    def note_read(self, file: SpoolFile) -> None:
        """Note that a finished file has been read to its end: it is not opened again until it changes."""
        self._read[_state(file.status)] = file.identity

    def gone(self, identities: set[str], now: datetime) -> set[str]:
        """Return the identities of files that have been missing for a day. Call it in each round.

        No file counts as missing while the log itself is missing: its folder may not be mounted.
        """
        if not self.log.path.exists():
            self._seen_at.clear()
            return set()
        found = {name for name in identities if now - self._seen_at.setdefault(name, now) > FORGOTTEN_AFTER}
        for name in found:
            del self._seen_at[name]
        self._read = {state: name for state, name in self._read.items() if name not in found}
        return found

    def _rotated(self) -> list[Path]:
        path = self.log.path
        stem, suffix = re.escape(path.stem), re.escape(path.suffix)
        is_rotated = re.compile(f"{stem}{suffix}{_STAMP}|{stem}{_STAMP}{suffix}").fullmatch
        found = []
        with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.name != path.name and is_rotated(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        found.append((entry.stat().st_mtime_ns, Path(entry.path)))
        return [old for _, old in sorted(found)]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _first_byte(descriptor: int) -> int:
    """Return where the first line begins: after any zero bytes that a writer leaves when its file is truncated.

    After logrotate's copytruncate, a writer that does not append continues at its old position.
    """
    at = 0
    if os.pread(descriptor, 1, 0) != b"\0":
        return at
    with contextlib.suppress(OSError):  # the whole file is a hole, or the file system does not report holes
        at = os.lseek(descriptor, 0, os.SEEK_DATA)
    while data := os.pread(descriptor, MAX_LINE_BYTES, at):
        if text := data.lstrip(b"\0"):
            return at + len(data) - len(text)
        at += len(data)
    return at


def _identity(descriptor: int, begins_at: int, time_key: str, finished: Path | None) -> str | None:
    """Return a file's identity, which survives renames and copies: the hash of its first line with a time.

    None until there is such a line. A finished file without one is identified by its name and its beginning.
    """
    tells_a_time = re.compile(rb'"' + re.escape(time_key.encode()) + rb'": ?"?[0-9]').search
    for max_bytes in (4096, MAX_LINE_BYTES):
        beginning = os.pread(descriptor, max_bytes, begins_at)
        found = tells_a_time(beginning)
        newline = beginning.find(b"\n", found.end()) if found else -1
        if newline >= 0:
            return _prefixed_hash(beginning[: newline + 1])
        if len(beginning) < max_bytes:
            return _prefixed_hash(os.fsencode(finished.name) + b"\n" + beginning) if finished and beginning else None
    return _prefixed_hash(beginning)


def _prefixed_hash(beginning: bytes) -> str:
    return (IDENTITY_PREFIX + hashlib.sha256(beginning).hexdigest())[:IDENTITY_LENGTH]
