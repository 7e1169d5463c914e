"""The worker's wall clock: it follows a jump of the system's clock only once the jump has lasted for a while.

When the clock jumps a month forward for a few seconds, the worker must not announce expiries that have not happened,
give up emails that wait, or delete rows that must be kept. The time since boot advances evenly, even while the machine
is suspended.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

log = logging.getLogger(__name__)
# NTP corrects smaller differences, or corrects gradually.
JUMP_SECONDS = 180.0
# How long the clock must keep running after a jump before the jump is trusted.
HOLD_SECONDS = 600.0


def since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class WallClock:
    """The clock for all threads of a process; `jump_seconds` is the size of a jump that is not trusted yet.

    Until a jump is trusted, the clock continues from the time before it, by the time since boot.
    """

    def __init__(self, wall: Callable[[], float] = time.time, boot: Callable[[], float] = since_boot) -> None:
        self._wall, self._boot = wall, boot
        self._lock = threading.Lock()
        self._believed = wall() - boot()
        self._doubted: float | None = None
        self._doubted_since = 0.0

    def now(self) -> datetime:
        """Return the trusted time, in UTC."""
        with self._lock:
            boot = self._boot()
            self._look(self._wall() - boot, boot)
            return datetime.fromtimestamp(boot + self._believed, UTC)

    @property
    def jump_seconds(self) -> float:
        """How many seconds the system's clock is ahead of the trusted time; 0 while the system's clock is trusted."""
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
            log.warning("the clock jumped by %.0f s; the worker follows it if that lasts for %g s", jump, HOLD_SECONDS)
        elif boot - self._doubted_since >= HOLD_SECONDS:
            log.warning("the jump of the clock has lasted, and the worker follows it")
            self._believed, self._doubted = found, None
