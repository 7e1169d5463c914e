"""Leaky buckets for any number of sources, in constant memory: a count-min sketch whose cells leak.

A sketch may take a source for a fuller one, never for an emptier one: Cormode and Muthukrishnan, "An improved data
stream summary: the count-min sketch and its applications" (2005).
"""

import hashlib
import mmap
import os
import time
from typing import Final

DEPTH: Final = 4
WIDTH_BITS: Final = 15
WIDTH: Final = 1 << WIDTH_BITS
BYTES: Final = 8 * DEPTH * WIDTH
BURST_SECONDS = 60.0
# A sum of floats may exceed the burst by a rounding error.
ROUNDING_SECONDS = 1e-5
Cells = tuple[int, int, int, int]

# Without a secret, a stranger could choose sources that fall into the cells of somebody else's.
_secret = os.urandom(16)
# Times are stored relative to this one: sums of seconds since 1970 would be off by a drop after some hundreds.
_epoch = time.time()


def cells_of(source: bytes) -> Cells:
    """Return the cells of a source, one in each row. They are the same in every sketch of this process."""
    drawn = int.from_bytes(hashlib.blake2b(source, digest_size=8, key=_secret).digest(), "big")
    mask = WIDTH - 1
    return (
        drawn & mask,
        (drawn >> WIDTH_BITS & mask) + WIDTH,
        (drawn >> 2 * WIDTH_BITS & mask) + 2 * WIDTH,
        (drawn >> 3 * WIDTH_BITS & mask) + 3 * WIDTH,
    )


class LeakyBuckets:
    """One bucket for each source, which holds `per_minute` drops and loses as many in a minute.

    A cell holds the time at which its bucket will be empty (the generic cell rate algorithm).
    """

    def __init__(self, per_minute: int) -> None:
        self._interval = BURST_SECONDS / per_minute
        # Anonymous memory takes room only where it has been written, and a forked child gets its own copy.
        self._cells = memoryview(mmap.mmap(-1, BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)).cast("d")

    def wait(self, cells: Cells, now: float) -> float:
        """Return in how many seconds the bucket will have room for a drop; 0.0 if it has room now."""
        now -= _epoch
        wait = self._empty_at(cells, now) + self._interval - now - BURST_SECONDS
        return wait if wait > ROUNDING_SECONDS else 0.0

    def add(self, cells: Cells, now: float) -> None:
        """Put one drop into the bucket."""
        now -= _epoch
        self._raise(cells, self._empty_at(cells, now) + self._interval, now)

    def take(self, cells: Cells, now: float) -> bool:
        """Put one drop into the bucket if it has room; return whether it had."""
        now -= _epoch
        empty_at = self._empty_at(cells, now) + self._interval
        if empty_at - now - BURST_SECONDS > ROUNDING_SECONDS:
            return False
        self._raise(cells, empty_at, now)
        return True

    def _empty_at(self, cells: Cells, now: float) -> float:
        own, (first, second, third, fourth) = self._cells, cells
        empty_at = min(own[first], own[second], own[third], own[fourth])
        # No bucket takes longer to empty, unless the clock was set back; everybody would wait until it has caught up.
        return empty_at if now < empty_at <= now + BURST_SECONDS + self._interval else now

    def _raise(self, cells: Cells, empty_at: float, now: float) -> None:
        own, latest = self._cells, now + BURST_SECONDS + self._interval
        for cell in cells:
            # Raise no cell above the estimate: other sources share it.
            if own[cell] < empty_at or own[cell] > latest:
                own[cell] = empty_at
