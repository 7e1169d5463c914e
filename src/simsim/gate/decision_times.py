"""How long decisions take: some are measured, and a line in the spool reports the sums.

The worker ships that line like any other, so the sums of dead processes need no files of their own.
"""

from bisect import bisect_left

from simsim.gate import process_identity
from simsim.gate.request_id import new_request_id

# The pause between two measurements: measuring every decision would take a twentieth of the gate's time.
PAUSE_SECONDS = 0.05
REPORT_SECONDS = 15.0
# The upper bounds of the classes, in seconds; a last class has none.
BOUNDS = (0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 1.0)


class DecisionTimes:
    """The measured times of one process since its last report."""

    def __init__(self) -> None:
        self._generation = process_identity.generation()
        self._reported_at: float | None = None
        self._forget()

    def add(self, began: float, ended: float) -> None:
        """Add the time of one decision, given in seconds since 1970; a clock that was set back counts as no time."""
        if self._generation != process_identity.generation():  # the parent reports what it measured
            self._generation = process_identity.generation()
            self._forget()
        seconds = max(0.0, ended - began)
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds
        self._reported_at = began if self._reported_at is None else min(self._reported_at, began)

    def report(self, now: float) -> bytes | None:
        """Return the line to write if one is due, and begin anew; None if none is due."""
        if self._reported_at is None or now - self._reported_at < REPORT_SECONDS:
            return None
        counts = ",".join(map(str, self._counts))
        report = f'"at":{now:.6f},"took":[{counts}],"seconds":{self._seconds:.6f}'
        # A worker that does not know these lines skips them: it may be older than the gate during an upgrade.
        line = f'{{"id":"{new_request_id()}",{report},"optional":true}}\n'
        self._forget()
        self._reported_at = now
        return line.encode("ascii")

    def _forget(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
