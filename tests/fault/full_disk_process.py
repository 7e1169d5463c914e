"""A gate on a disk of its own that is too small: `full_disk_process.py DISK DATABASE SPOOL_AFTERWARDS`.

Started in a mount namespace of its own, where it mounts the disk: it is gone when this process is. Prints what the gate
answered, a line for each stage, and leaves a copy of the spool.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

from gate_database import Database, basic
from simsim.gate import disk_reserve
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import LOOK_SECONDS, Spool

MEGABYTE = 1024 * 1024
REQUESTS = 500
END = (
    b'{"id":"%s","at":%.3f,"seconds":0.001,"status":200,"bytes":5,"method":"GET","path":"/","address":"203.0.113.9"}\n'
)


class FullDisk:
    """The gate, the disk of its spool, and a process that fills the disk."""

    def __init__(self, disk: Path, database: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
        self.disk = disk
        opened = Database(database)
        self.credentials = basic(opened.add())
        self.gate = Gate(SqliteLookup(database), Spool(disk))
        self.ends = (disk / "gateway.jsonl").open("ab", buffering=0)
        self.filler = (disk / "somebody-elses.log").open("ab", buffering=0)

    def fill(self) -> None:
        """Fill the disk."""
        for size in (MEGABYTE, 4096, 1):
            try:
                while self.filler.write(b"x" * size):
                    pass
            except OSError:
                continue

    def leave(self, size: int) -> None:
        """Fill the disk except for that room."""
        self.fill()
        os.truncate(self.filler.fileno(), os.fstat(self.filler.fileno()).st_size - size)

    def ask(self, stage: str) -> None:
        """Send requests, all with a token that is good, and print how many got which status and how many ends fitted.

        They are answered together, as those of slow clients are: the ends come when all decisions are written.
        """
        time.sleep(2 * LOOK_SECONDS)
        ids = [uuid.uuid4().hex for _ in range(REQUESTS)]
        answers = [self.gate.verify(Request("", "GET", VERIFY, [self.credentials], [], each)).status for each in ids]
        let_in = [each for each, status in zip(ids, answers, strict=True) if status == 204]
        told = {
            "stage": stage, "statuses": Counter(answers), "ends": sum(map(self.end, let_in)),
            "ballast": disk_reserve.is_kept(self.disk), "at": time.time(),
        }  # fmt: skip
        print(json.dumps(told), flush=True)

    def end(self, request_id: str) -> bool:
        """Write the end of a request as nginx does, which drops a line that does not fit; return whether it did."""
        line = END % (request_id.encode(), time.time())
        try:
            return self.ends.write(line) == len(line)
        except OSError:
            return False


def main(disk: Path, database: Path, spool: Path) -> None:
    full = FullDisk(disk, database)
    assert disk_reserve.keep(disk, 2 * MEGABYTE)
    full.ask("room")
    full.fill()
    full.ask("full, with ballast")
    full.fill()
    full.ask("full, without")
    full.leave(200 * 1024)
    full.ask("nearly full")
    assert not disk_reserve.keep(disk, 2 * MEGABYTE)
    os.truncate(disk / "somebody-elses.log", 0)
    full.ask("room again")
    assert disk_reserve.keep(disk, 2 * MEGABYTE)
    full.gate.close()
    shutil.copytree(disk, spool)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
