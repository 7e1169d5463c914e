"""The counts of tokens with a rate or a quota: one file for all gates of a machine, with one slot for each token.

Each request locks its token's slot, reads it and writes it. So the count is exact, and another token's flood waits for
other locks. Nothing is mapped into memory: a write on a full disk fails, instead of killing the process.
"""

import contextlib
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from simsim.credential.rates import DAY_SECONDS, Excess, Rates, Usage, current, month_of, take
from simsim.gate import process_identity

# A file in another form would have another name.
FILE_NAME = ".counters-1"
KEY_BYTES = 16
SLOTS = 1 << 18
SLOT_BYTES = 128
_slot = struct.Struct("<16sQIIQQQQII")
_padded_slot = struct.Struct(f"{_slot.format}{SLOT_BYTES - _slot.size}x")
NOBODY = bytes(KEY_BYTES)
READ_BYTES = 4096 * SLOT_BYTES
# A page of the file.
BLOCK_BYTES = 32 * SLOT_BYTES
EMPTY_BLOCK = bytes(BLOCK_BYTES)
# A process that is stopped while it holds a lock must not stop the others.
LOCK_SECONDS = 0.5
PAUSE_SECONDS = 0.000_2
MAX_KNOWN = 64 * 1024
MAX_PROBES = 1024
# How long counting may go on in a file that was removed or replaced at its path.
FILE_CHECK_SECONDS = 1.0
# How long a share of the rate holds: longer than the nodes take to tell each other, so that it ends when they stop.
SHARE_SECONDS = 10


class Others(NamedTuple):
    """What all other nodes together have let in of a token. `share_left` millionths of its rate are left, 0 for all."""

    today: int
    this_month: int
    share_left: int = 0


class Full(OSError):
    """As many tokens as there are slots were counted this month, so no other token can be."""


class Counters:
    """The file of counts. One object serves all threads of a process: closing another would drop its locks."""

    def __init__(self, path: Path, slots: int = SLOTS) -> None:
        self._path = path
        self._slots = slots
        self._file = -1
        self._generation = process_identity.generation()
        self._lock = threading.Lock()
        self._checked_at = 0.0
        self._offsets: dict[bytes, int] = {}

    def take(self, key: bytes, rates: Rates, now: float) -> Excess | None:
        """Count one more request of the token, or return why it is too many. Raises OSError if it can't be counted."""
        return self._change(key, now, lambda usage: take(rates, usage, now))

    def usage(self, key: bytes, now: float) -> Usage:
        """Return the counts of a token as of now. Raises OSError."""
        with self._lock:
            offset = self._found(key) if self._path.exists() and self._opened() else None
            return current(Usage() if offset is None else self._read(offset)[1], now)

    def hear(self, key: bytes, now: float, others: Others) -> None:
        """Note what all other nodes together have let in of the token, as of now. Raises OSError."""
        day = int(now // DAY_SECONDS)
        month = month_of(day)

        def noted(usage: Usage) -> tuple[Usage, None]:
            usage = current(usage, now)
            # Within a day or a month, what was let in only grows: a node whose clock is ahead has begun the next one.
            if usage.day == day:
                usage = usage._replace(others_today=max(usage.others_today, others.today))
            if usage.month == month:
                usage = usage._replace(others_this_month=max(usage.others_this_month, others.this_month))
            return usage._replace(share=others.share_left, share_ends=int(now) + SHARE_SECONDS), None

        self._change(key, now, noted)

    def all(self, now: float) -> Iterator[tuple[bytes, Usage]]:
        """Yield each token that was counted this month, with its counts. Raises OSError."""
        month = month_of(int(now // DAY_SECONDS))
        for block in self._written_blocks():
            # The file ends with the last slot's counts, without the room after them.
            for key, *counts in _padded_slot.iter_unpack(block.ljust(BLOCK_BYTES, b"\0")):
                if key != NOBODY and counts[2] >= month:
                    yield key, current(Usage(*counts), now)

    def _written_blocks(self) -> Iterator[bytes]:
        """Yield the parts of the file that are not empty. Most of a sparse file is."""
        for offset in range(0, self._slots * SLOT_BYTES, READ_BYTES):
            with self._lock:
                # Another descriptor would drop this process's locks when it is closed.
                if not self._path.exists() or not self._opened():
                    return
                slots = os.pread(self._file, READ_BYTES, offset)
            if not slots:
                return
            for start in range(0, len(slots), BLOCK_BYTES):
                block = slots[start : start + BLOCK_BYTES]
                if block != EMPTY_BLOCK:
                    yield block

    def close(self) -> None:
        """Close the file; the next request opens it again."""
        with self._lock:
            self._leave()

    def _change(self, key: bytes, now: float, change: Callable[[Usage], tuple[Usage, Excess | None]]) -> Excess | None:
        with self._lock:
            self._opened()
            while True:
                offset = self._offsets.get(key)
                if offset is None:
                    offset = self._assigned(key, now)
                # Without a context manager: it would take as long as the lock.
                self._hold(offset)
                try:
                    owner, usage = self._read(offset)
                    # The slot of a token without requests this month may have become another's.
                    if owner == key:
                        usage, excess = change(usage)
                        # A refused request changes no count.
                        if excess is None:
                            os.pwrite(self._file, _slot.pack(key, *usage), offset)
                        return excess
                finally:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)
                del self._offsets[key]

    def _assigned(self, key: bytes, now: float) -> int:
        """Return the token's slot; one without gets an empty slot, or one that was last used in a past month."""
        month = month_of(int(now // DAY_SECONDS))
        with self._held(self._slots * SLOT_BYTES):
            offset = self._found(key)
            if offset is None:
                for offset in self._probes(key):
                    with self._held(offset):
                        owner, usage = self._read(offset)
                        if owner == NOBODY or usage.month < month:
                            os.pwrite(self._file, _slot.pack(key, *current(Usage(), now)), offset)
                            break
                else:
                    raise Full("too many tokens with a rate or a quota")
        if len(self._offsets) >= MAX_KNOWN:
            self._offsets.clear()
        self._offsets[key] = offset
        return offset

    def _found(self, key: bytes) -> int | None:
        """Return the token's slot, or None if it has none. A slot that had an owner is never empty again."""
        for offset in self._probes(key):
            owner, _ = self._read(offset)
            if owner == key:
                return offset
            if owner == NOBODY:
                return None
        return None

    def _probes(self, key: bytes) -> Iterator[int]:
        # The first half of a UUID has its version in it, so most of its remainders by a power of two never occur.
        home = int.from_bytes(key[8:], "big")
        for step in range(min(MAX_PROBES, self._slots)):
            yield (home + step) % self._slots * SLOT_BYTES

    def _read(self, offset: int) -> tuple[bytes, Usage]:
        # What lies beyond the end of the file was never written.
        slot = os.pread(self._file, _slot.size, offset)
        return _parsed(slot if len(slot) == _slot.size else slot.ljust(_slot.size, b"\0"))

    @contextlib.contextmanager
    def _held(self, offset: int) -> Iterator[None]:
        self._hold(offset)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)

    def _hold(self, offset: int) -> None:
        """Lock one slot. Raises OSError if another process keeps it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except BlockingIOError:
            ends = time.monotonic() + LOCK_SECONDS
        else:
            return
        while True:
            time.sleep(PAUSE_SECONDS)
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise
            else:
                return

    def _opened(self) -> bool:
        """Open the file that is now at the path. Raises OSError."""
        if self._generation != process_identity.generation():
            # A forked child has none of its parent's locks, and closes only its own copy.
            self._generation = process_identity.generation()
            self._leave()
        now = time.monotonic()
        if self._file >= 0 and now >= self._checked_at + FILE_CHECK_SECONDS:
            self._checked_at = now
            if not _is_at(self._file, self._path):
                self._leave()
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._checked_at = now
        return True

    def _leave(self) -> None:
        self._offsets.clear()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _parsed(slot: bytes) -> tuple[bytes, Usage]:
    key, *counts = _slot.unpack(slot)
    return key, Usage(*counts)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at the path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
