"""What the gateway keeps of a large body while it passes: in memory, and on the disk."""

import http.client
import os
import threading
from collections.abc import Callable
from pathlib import Path

from gateway_front import Front

MAX_GROWTH = 50 * 1024**2
MAX_STORED = 1024**2
PIECE = 1024**2
Transfer = Callable[[http.client.HTTPConnection, int], http.client.HTTPResponse]


def download(connection: http.client.HTTPConnection, size: int) -> http.client.HTTPResponse:
    """Ask for so many bytes."""
    connection.request("GET", f"/download?bytes={size}", headers={"Authorization": "204"})
    return connection.getresponse()


def echo(connection: http.client.HTTPConnection, size: int) -> http.client.HTTPResponse:
    """Send so many bytes, which come back."""
    connection.putrequest("POST", "/echo")
    connection.putheader("Authorization", "204")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    piece = os.urandom(PIECE)
    for _ in range(size // PIECE):
        connection.send(piece)
    return connection.getresponse()


def prove_that_nothing_is_stored(front: Front, transfer: Transfer, size: int) -> None:
    """Show that a body of so many bytes, which is much more than may be kept, passes whole and is not kept."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=120)
    with Peak(front) as peak:
        answer = transfer(connection, size)
        received = 0
        while got := answer.read(PIECE):
            received += len(got)
    connection.close()
    assert (answer.status, received) == (200, size)
    # It may shrink: a worker of an earlier configuration ends at any time.
    assert peak.peak_bytes > 0
    assert peak.growth < MAX_GROWTH
    stored = [path for path in (front.directory / "run" / "gateway").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) < MAX_STORED


def family_memory(front: Front) -> int:
    """Return the resident bytes of nginx and of what runs it."""
    total, wanted = 0, {front.processes["gateway"].pid}
    statuses = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            statuses.append(dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line))
        except OSError:
            continue
    for _ in range(3):
        wanted |= {int(status["Pid"]) for status in statuses if int(status["PPid"]) in wanted}
    for status in statuses:
        if int(status["Pid"]) in wanted and "VmRSS" in status:
            total += int(status["VmRSS"].split()[0]) * 1024
    return total


class Peak(threading.Thread):
    """Watches the gateway's memory while something large passes."""

    def __init__(self, front: Front) -> None:
        super().__init__(daemon=True)
        self.front, self.start_bytes, self.peak_bytes, self.done = front, family_memory(front), 0, threading.Event()

    def run(self) -> None:
        is_done = False
        while not is_done:
            is_done = self.done.wait(0.1)
            self.peak_bytes = max(self.peak_bytes, family_memory(self.front))

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()

    @property
    def growth(self) -> int:
        return self.peak_bytes - self.start_bytes
