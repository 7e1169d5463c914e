"""Spares requests the wait for a gate that does not answer. Does no I/O and reads no clock."""

MAX_FAILURES = 3
PAUSE_SECONDS = 1.0


class Breaker:
    """Counts the failures since the last answer. After MAX_FAILURES, one request in each pause tries again."""

    def __init__(self) -> None:
        self._failures = 0
        self._asks_at = 0.0

    def may_ask(self, now: float) -> bool:
        """Whether a request may ask the gate at this moment, in seconds of a monotonic clock."""
        if self._failures < MAX_FAILURES:
            return True
        if now < self._asks_at:
            return False
        self._asks_at = now + PAUSE_SECONDS
        return True

    def succeeded(self) -> None:
        """Note that the gate has answered."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """Note that the gate has not answered, or not as a gate does."""
        self._failures += 1
        self._asks_at = now + PAUSE_SECONDS
