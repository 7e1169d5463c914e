"""The pace of a backup: it rests as long as it works, and leaves processor and disk to the gate."""

import os
import time
from contextlib import suppress

NICENESS = 10
# On a busy machine, most of the time is spent waiting, and waiting needs no rest.
MAX_REST_SECONDS = 0.25


def give_way() -> None:
    """Let other processes go first."""
    with suppress(OSError):
        os.nice(NICENESS)


class Pace:
    """Call `rest` between pieces of work."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def rest(self) -> None:
        time.sleep(min(time.monotonic() - self._since, MAX_REST_SECONDS))
        self._since = time.monotonic()
