"""What `simsim doctor` found."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is good, and a sentence: what is there, or what to do.

    `is_pending`: it was never started here. That is no fault: it is good until it is expected to run.
    """

    subject: str
    is_good: bool
    says: str
    is_pending: bool = False

    @property
    def state(self) -> str:
        if self.is_pending:
            return "not_started"
        return "ok" if self.is_good else "wrong"

    def document(self) -> dict[str, object]:
        return {"subject": self.subject, "ok": self.is_good, "state": self.state, "detail": self.says}


def not_started(subject: str, says: str) -> Finding:
    """Return that something has not been started on this machine yet."""
    return Finding(subject, True, says, is_pending=True)


def in_words(span: timedelta) -> str:
    """Return a length of time in its largest unit: `40 s`, `24 min`, `3 h`, `31 days`."""
    seconds = abs(span.total_seconds())
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
