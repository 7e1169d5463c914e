"""The health of this node's worker, for `/readyz`: read from a file that the worker writes every few seconds."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = ".worker"
# The length of some rounds: a busy worker may be late.
MAX_SILENCE_SECONDS = 60.0


@dataclass(frozen=True)
class WorkerHealth:
    """The time since the worker's last round, None when no round is known, and the jobs that failed in it."""

    last_round_seconds: float | None
    failing: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        silence = self.last_round_seconds
        return silence is not None and silence <= MAX_SILENCE_SECONDS and not self.failing

    def document(self) -> dict[str, object]:
        return {"ok": self.is_good, "last_round_seconds": self.last_round_seconds, "failing": list(self.failing)}


def read_worker_health(spool: Path, now: float) -> WorkerHealth:
    """Return what the worker of this spool last reported; `now` is in seconds since 1970. Never raises."""
    path = spool / FILE_NAME
    try:
        silence = max(0.0, now - path.stat().st_mtime)
        failing = tuple(str(name) for name in json.loads(path.read_bytes())["failing"])
    except (OSError, ValueError, TypeError, KeyError):
        return WorkerHealth(None)
    return WorkerHealth(round(silence, 1), failing)
