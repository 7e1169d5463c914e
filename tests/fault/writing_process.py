"""A gate and a gateway in one process: decides each request, ends it a moment later, reopens its log on USR1.

`writing_process.py SPOOL FIRST COUNT SECONDS LIMIT [ACCESS_LOG]`: LIMIT is a file that says how many may be written by
now. With the last it is Caddy that is the gateway.
"""

import json
import os
import random
import signal
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from simsim.credential.allowlist import parse_address
from simsim.credential.decision import EXPIRED, OK, Record
from simsim.gate.decided_line import decided_line, frame
from simsim.gate.spool import Spool

ACCOUNT, TOKEN = f"{1:08}-0000-4000-8000-000000000000", f"{2:08}-0000-4000-8000-000000000000"
RECORD = Record(TOKEN, ACCOUNT, "reader", bytes(32), datetime(2027, 1, 1, tzinfo=UTC), False, b"", None)
SEGMENT_BYTES = 100_000
IN_FLIGHT = 8


class Gateway:
    """Appends ends to gateway.jsonl, one write each, and reopens it within its loop, as nginx does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = self.open()
        self.is_told_to_reopen = False
        signal.signal(signal.SIGUSR1, self.told)

    def open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def told(self, _signum: int, _frame: FrameType | None) -> None:
        self.is_told_to_reopen = True

    def end(self, request_id: str, path: str, status: int, address: str) -> None:
        line = self.line(request_id, path, status, address)
        os.write(self.file, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        if self.is_told_to_reopen:
            self.is_told_to_reopen = False
            os.close(self.file)
            self.file = self.open()

    def line(self, request_id: str, path: str, status: int, address: str) -> dict[str, object]:
        return {
            "id": request_id, "at": round(time.time(), 3), "seconds": 0.125, "status": status, "bytes": 7,
            "method": "GET", "path": path, "address": address,
        }  # fmt: skip


class Caddy(Gateway):
    """Writes the same ends in Caddy's format."""

    def line(self, request_id: str, path: str, status: int, address: str) -> dict[str, object]:
        request = {"client_ip": address, "method": "GET", "uri": path}
        return {
            "level": "info", "ts": time.time(), "request": request, "duration": 0.125, "size": 7, "status": status,
            "request_id": str(uuid.UUID(request_id)),
        }  # fmt: skip


def main(directory: Path, first: int, count: int, seconds: float, limit: Path, access_log: str = "") -> None:
    """Write `count` requests, numbered from `first`, within some seconds; what the number ends in says how it goes."""
    gate = Spool(directory, max_segment_bytes=SEGMENT_BYTES)
    gateway = Caddy(Path(access_log)) if access_log else Gateway(directory / "gateway.jsonl")
    in_flight: list[tuple[str, str, int, str]] = []
    begin, permitted = time.monotonic(), 0
    for nth, number in enumerate(range(first, first + count)):
        time.sleep(max(0.0, begin + nth * seconds / count - time.monotonic()))
        while nth >= permitted:
            permitted = int(limit.read_text())
            time.sleep(0.0 if nth < permitted else 0.01)
        # Each from an address of its own: many refusals from one would be counted as a flood.
        request_id, path, address = os.urandom(16).hex(), f"/r/{number}", f"198.51.{number // 250 % 250}.{number % 250}"
        status = {7: 401, 8: 503}.get(number % 10, 200)
        if status != 503:
            decision = EXPIRED if status == 401 else OK
            framed = frame(decision, account=ACCOUNT, record=RECORD, address=parse_address(address))
            gate.append(decided_line(request_id, time.time(), framed, method="GET", target=path))
        if number % 10 != 9:
            in_flight.append((request_id, path, status, address))
        if len(in_flight) > IN_FLIGHT:
            gateway.end(*in_flight.pop(random.randrange(IN_FLIGHT)))
    for ended in in_flight:
        gateway.end(*ended)
    gate.close()
    # Python lets go of its own handlers while it ends, and a signal would kill it then.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


if __name__ == "__main__":
    spool, number, count, seconds, limit, *rest = sys.argv[1:]
    main(Path(spool), int(number), int(count), float(seconds), Path(limit), *rest)
