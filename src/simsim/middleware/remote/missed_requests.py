"""How many requests got 503 because the gate could not be asked, until a line reports them."""

import threading

from simsim.gate.unwritten_lines import Gap


class MissedRequests:
    """The count of one process, for its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gap: Gap | None = None

    def add(self, now: float) -> None:
        """Count one request at this time, in seconds since 1970."""
        with self._lock:
            self._gap = Gap.after(self._gap, now)

    def take(self) -> Gap | None:
        """Return what was counted since the last call, or None."""
        with self._lock:
            taken, self._gap = self._gap, None
        return taken
