"""A gate and a gateway that write good and broken lines into many files, as fast as they can."""

import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from simsim.credential.allowlist import parse_address
from simsim.credential.decision import OK, Record
from simsim.gate.decided_line import decided_line, frame
from simsim.gate.spool import Spool

ACCOUNT, TOKEN = f"{1:08}-0000-4000-8000-000000000000", f"{2:08}-0000-4000-8000-000000000000"
RECORD = Record(TOKEN, ACCOUNT, "reader", bytes(32), datetime(2027, 1, 1, tzinfo=UTC), False, b"", None)
AT_ONCE = 250
BROKEN = [
    b"not json\n", b"\xff\xfe\x00\n", b"{}\n", b'{"id":"%032x","at":17\n' % 1, b'["a"]\n', b'{"id":"x","at":"now"}\n',
]  # fmt: skip


def main(directory: Path, count: int, file_lines: int, broken: int) -> None:
    """Write `count` requests to the spool, each with its end, and `broken` lines at random places."""
    places = set(random.sample(range(count), broken))
    framed = frame(OK, account=ACCOUNT, record=RECORD, address=parse_address("203.0.113.9"))
    began = time.time() - count / 1000
    ends = directory / "gateway.jsonl"
    gate = Spool(directory)
    for first in range(0, count, AT_ONCE):
        decided, ended = [], []
        for number in range(first, min(first + AT_ONCE, count)):
            at = began + number / 1000
            name, path = f"{number + 1:032x}", f"/r/{number}"
            decided.append(decided_line(name, at, framed, method="GET", target=path))
            end = {
                "id": name, "at": round(at, 3), "seconds": 0.125, "status": 200, "bytes": 7,
                "method": "GET", "path": path, "address": "203.0.113.9",
            }  # fmt: skip
            ended.append(json.dumps(end, separators=(",", ":")).encode() + b"\n")
            if number in places:
                random.choice([decided, ended]).append(random.choice(BROKEN))
        gate.append(b"".join(decided))
        with ends.open("ab") as file:
            file.write(b"".join(ended))
        if (first + AT_ONCE) % file_lines == 0:
            gate.close()
            ends.rename(directory / f"gateway-{first:09}.jsonl")
    gate.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
