"""What fails inside the gate is reported on stderr, at most once a second, and without any value."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path

from simsim.gate.lookup import Unavailable

INTERVAL_SECONDS = 1.0


class Complaints:
    """The reports of one gate."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said_at = -INTERVAL_SECONDS

    def about(self, error: Exception) -> None:
        """Report what failed and where, at most once a second.

        The report contains no values, because they may be secret.
        """
        now = time.monotonic()
        if now - self._said_at < INTERVAL_SECONDS:
            return
        self._said_at = now
        text = f": {error}" if isinstance(error, Unavailable | OSError) else ""
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        self._say(f"{type(error).__name__}{text} at {where}")
