"""Whether credentials of another form than ours may be looked up: only where some have been imported."""

import time
from collections.abc import Callable

# An import ends only after this time, so its credentials work when it ends. Until the first import, whoever sends
# garbage costs the database one question in this time.
LEASE_SECONDS = 1.0


class ForeignForms:
    """What the database said last. “Yes” stays; “no” holds for LEASE_SECONDS from the moment of the question."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._no_until = -LEASE_SECONDS
        self.are_admitted = False

    def asks_at(self) -> float | None:
        """Return the moment of a question that must be asked now, for `learn`; None if the answer is known."""
        now = self._clock()
        return None if self.are_admitted or now < self._no_until else now

    def learn(self, asked_at: float, *, are_admitted: bool) -> None:
        self.are_admitted, self._no_until = are_admitted, asked_at + LEASE_SECONDS
