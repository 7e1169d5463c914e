"""What `simsim doctor` found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is good, and a sentence: what is there, or what to do."""

    subject: str
    is_good: bool
    says: str

    def document(self) -> dict[str, object]:
        return {"subject": self.subject, "ok": self.is_good, "detail": self.says}
