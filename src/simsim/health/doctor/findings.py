"""The findings of `simsim doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The part that was examined, whether it is good, and in `detail` a sentence about its state or what to do.

    `is_pending` means that the part was never started here, which is not a fault.
    """

    subject: str
    is_good: bool
    detail: str
    is_pending: bool = False

    @property
    def state(self) -> str:
        if self.is_pending:
            return "not_started"
        return "ok" if self.is_good else "wrong"

    def document(self) -> dict[str, object]:
        return {"subject": self.subject, "ok": self.is_good, "state": self.state, "detail": self.detail}


def not_started(subject: str, detail: str) -> Finding:
    """Return the finding for a part that was never started on this machine."""
    return Finding(subject, True, detail, is_pending=True)
