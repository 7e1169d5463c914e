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
from collections import Counter
from pathlib import Path

from gate_database import Database, basic
from simsim.gate import ballast
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup import open_lookup
from simsim.gate.spool import Spool

MEGABYTE = 1024 * 1024
REQUESTS = 500


class FullDisk:
    """The gate, the disk that its spool is on, and somebody who fills it."""

    def __init__(self, disk: Path, database: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
        self.disk = disk
        opened = Database(database)
        self.credentials = basic(opened.add())
        self.gate = Gate(open_lookup(database), Spool(disk))
        self.filler = (disk / "somebody-elses.log").open("ab", buffering=0)

    def fill(self) -> None:
        """Take all the room that there is."""
        for size in (MEGABYTE, 4096, 1):
            try:
                while self.filler.write(b"x" * size):
                    pass
            except OSError:
                continue

    def ask(self, stage: str) -> None:
        """Send requests, all with a token that is good, and print how many got which status."""
        request = Request("", "GET", VERIFY, [self.credentials], [])
        statuses = Counter(self.gate.verify(request).status for _ in range(REQUESTS))
        told = {"stage": stage, "statuses": statuses, "ballast": ballast.is_kept(self.disk), "at": time.time()}
        print(json.dumps(told), flush=True)


def main(disk: Path, database: Path, spool: Path) -> None:
    full = FullDisk(disk, database)
    assert ballast.keep(disk, 2 * MEGABYTE)
    full.ask("room")
    full.fill()
    full.ask("full, with ballast")
    full.fill()
    full.ask("full, without")
    assert not ballast.keep(disk, 2 * MEGABYTE)
    os.truncate(disk / "somebody-elses.log", 0)
    full.ask("room again")
    assert ballast.keep(disk, 2 * MEGABYTE)
    full.gate.close()
    shutil.copytree(disk, spool)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
