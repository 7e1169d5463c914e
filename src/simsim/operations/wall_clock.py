"""The wall clock as the worker believes it: a jump is believed once it has held for a while.

A clock that jumps a month forward for a few seconds must neither announce what has not happened, nor give up what
waits, nor delete what is to be kept. Time since boot goes on evenly meanwhile, suspended or not.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

log = logging.getLogger(__name__)
# NTP moves a clock by less, or does it slowly.
JUMP_SECONDS = 180.0
# So long a clock must go on from where it jumped to.
HOLD_SECONDS = 600.0


def since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class WallClock:
    """Tells the time. One for all threads of a process; `jump_seconds` is by how much the clock jumped, if it did.

    While a jump is not believed the time goes on from where it was, by the time since boot.
    """

    def __init__(self, wall: Callable[[], float] = time.time, boot: Callable[[], float] = since_boot) -> None:
        self._wall, self._boot = wall, boot
        self._lock = threading.Lock()
        self._believed = wall() - boot()
        self._doubted: float | None = None
        self._doubted_since = 0.0

    def now(self) -> datetime:
        """Return the time that is believed, in UTC."""
        with self._lock:
            boot = self._boot()
            self._look(self._wall() - boot, boot)
            return datetime.fromtimestamp(boot + self._believed, UTC)

    @property
    def jump_seconds(self) -> float:
        """By how much the clock is ahead of what is believed; 0 while it is believed."""
        with self._lock:
            return 0.0 if self._doubted is None else self._doubted - self._believed

    def _look(self, found: float, boot: float) -> None:
        if abs(found - self._believed) <= JUMP_SECONDS:
            if self._doubted is not None:
                log.warning("the clock is back where it was")
            self._believed, self._doubted = found, None
        elif self._doubted is None or abs(found - self._doubted) > JUMP_SECONDS:
            self._doubted, self._doubted_since = found, boot
            jump = found - self._believed
            log.warning("the clock jumped by %.0f s; it is believed when that holds for %g s", jump, HOLD_SECONDS)
        elif boot - self._doubted_since >= HOLD_SECONDS:
            log.warning("the clock went on from where it jumped to, and is believed")
            self._believed, self._doubted = found, None
