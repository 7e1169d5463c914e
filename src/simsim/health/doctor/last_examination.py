"""The last examination of this node, kept for a moment: an examination takes as long as a server that does not answer.

The console shows it, and several people may look at the same time.
"""

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from django.core.cache import cache

from simsim.health.doctor import checks
from simsim.health.doctor.findings import Finding

FRESH = timedelta(seconds=30)
KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Examination:
    """What an examination of this node found, and when it began."""

    at: datetime
    findings: list[Finding]

    @property
    def wrong(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.is_good]


def examination(now: datetime) -> Examination:
    """Return the last examination if it is fresh, or else examine this node now. Never raises, like `examine`."""
    found = last_examination(now)
    if found is None or now - found.at >= FRESH:
        found = Examination(now, checks.examine())
        cache.set(name(), found, KEPT.total_seconds())
    return found


def last_examination(now: datetime) -> Examination | None:
    """Return the last examination, or None if there was none recently. Examines nothing."""
    found: Examination | None = cache.get(name())
    # After the clock was set back, the time of an examination may be in the future.
    return found if found is not None and found.at <= now else None


def name() -> str:
    """Return the name under which it is kept: nodes differ, and so may versions while one is upgraded."""
    return f"examination:{socket.gethostname()}:{version('simsim')}"
