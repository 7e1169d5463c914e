"""How this node's worker is, for `/readyz`: read from the file that it writes each few seconds. Needs no database."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = ".worker"
# Some rounds long: a busy worker may be late.
MAX_SILENCE_SECONDS = 60.0


@dataclass(frozen=True)
class WorkerHealth:
    """How long ago the worker's last round was, None when none is known of, and the jobs that failed in it."""

    last_round_seconds: float | None
    failing: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        silence = self.last_round_seconds
        return silence is not None and silence <= MAX_SILENCE_SECONDS and not self.failing

    def document(self) -> dict[str, object]:
        return {"ok": self.is_good, "last_round_seconds": self.last_round_seconds, "failing": list(self.failing)}


def read_worker_health(spool: Path, now: float) -> WorkerHealth:
    """Return what the worker of this spool has said, at `now` in seconds of the epoch. Never raises."""
    path = spool / FILE_NAME
    try:
        silence = max(0.0, now - path.stat().st_mtime)
        failing = tuple(str(name) for name in json.loads(path.read_bytes())["failing"])
    except (OSError, ValueError, TypeError, KeyError):
        return WorkerHealth(None)
    return WorkerHealth(round(silence, 1), failing)
