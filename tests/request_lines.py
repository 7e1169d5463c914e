"""Lines of a gate and a gateway in a test's own spool."""

import fcntl
import json
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simsim.credential.allowlist import parse_address
from simsim.credential.decision import OK, Decision, Record
from simsim.gate.decided_line import decided_line, frame

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACME, GLOBEX, READER = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
RECORD = Record(str(READER), str(ACME), "reader", bytes(32), datetime(2027, 1, 1, tzinfo=UTC), False, b"", None)
WITHOUT_TOKEN = {"no_credentials", "password_unknown", "other_account", "undecided"}


class Clock:
    """A clock that a test sets; it starts at NOON."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def request_id(number: int) -> str:
    return f"{number:032x}"


class SpoolOfTests:
    """A spool with one gate and one gateway writing to it, until `close`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files = ExitStack()
        self.gate = self.open_gate("gate-1.jsonl")
        (directory / "gateway.jsonl").touch()  # as nginx does when it starts

    def open_gate(self, name: str) -> Any:
        file = self.files.enter_context((self.directory / name).open("ab", buffering=0))
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def decide(self, number: int, decision: Decision = OK, at: datetime = NOON, address: str = "203.0.113.9") -> None:
        record = None if decision.cause in WITHOUT_TOKEN else RECORD
        framed = frame(decision, account=str(ACME), record=record, address=parse_address(address))
        line = decided_line(request_id(number), at.timestamp(), framed, method="GET", target=f"/r/{number}?q=1")
        self.gate.write(line)

    def complete(self, number: int, status: int = 200, name: str = "gateway.jsonl", at: datetime = NOON) -> None:
        end = {
            "id": request_id(number), "at": at.timestamp() + 1, "seconds": 0.25, "status": status, "bytes": 7,
            "method": "GET", "path": f"/r/{number}", "address": "203.0.113.9",
        }  # fmt: skip
        with (self.directory / name).open("ab") as file:
            file.write(json.dumps(end, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        self.files.close()
