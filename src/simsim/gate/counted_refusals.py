"""Refused requests that are counted in memory instead of being logged one by one, and the lines that report them.

Each process reports its own counts at least once a second while it refuses, so a killed process loses the counts of one
second at most.
"""

import json
from collections import Counter

from simsim.credential.decision import Reason
from simsim.gate import process_identity
from simsim.gate.request_id import new_request_id

REPORT_SECONDS = 1.0
# In one minute, more sources than these are counted together, under no network and no account.
MAX_SOURCES = 64
MINUTE_SECONDS = 60


class CountedRefusals:
    """The refusals that one process has counted since its last report."""

    def __init__(self) -> None:
        self._generation = process_identity.generation()
        self._numbers: Counter[tuple[int, str, str, Reason]] = Counter()
        self._sources: set[tuple[str, str]] = set()
        self._minute = 0
        self._reported_at = 0.0

    def add(self, reason: Reason, *, network: str, account: str, now: float) -> None:
        """Count one refusal, from a network ("" for one that is not named) with the account it claims ("" for none)."""
        if self._generation != process_identity.generation():  # the parent reports what it counted
            self._generation = process_identity.generation()
            self._numbers.clear()
        minute = int(now // MINUTE_SECONDS) * MINUTE_SECONDS
        if minute != self._minute:
            self._minute = minute
            self._sources.clear()
        source = network, account
        if source not in self._sources:
            if len(self._sources) < MAX_SOURCES:
                self._sources.add(source)
            else:
                source = "", ""
        self._numbers[(minute, *source, reason)] += 1

    def is_due(self, now: float) -> bool:
        """Whether there is something to report, and the last report is a second old or the clock was set back."""
        return bool(self._numbers) and not 0 <= now - self._reported_at < REPORT_SECONDS

    def line(self) -> bytes | None:
        """Return the line that reports the counts, or None if there are none or they are the parent's."""
        if not self._numbers or self._generation != process_identity.generation():
            return None
        # It has an id, because the first id in a file identifies the file.
        said = {"id": new_request_id(), "counted": [[*key, number] for key, number in self._numbers.items()]}
        return json.dumps(said, separators=(",", ":")).encode("ascii") + b"\n"

    def forget(self, now: float) -> None:
        """Begin anew after a report."""
        self._numbers.clear()
        self._reported_at = now
