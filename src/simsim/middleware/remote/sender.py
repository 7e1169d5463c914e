"""Sends the lines of how requests ended to the gate that was asked, again and again until it has them.

A batch that arrives twice changes nothing: the gate's worker joins each end to its decision once.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from simsim.gate.node_question import ENDS as PATH
from simsim.gate.spool import ENDS, Spool
from simsim.middleware.remote.missed_requests import MissedRequests
from simsim.request_log.ship import spool_files
from simsim.request_log.ship.spool_files import SpoolFile

INTERVAL_SECONDS = 1.0
STOP_SECONDS = 3.0
MAX_BATCH_BYTES = 256 * 1024
# What a node keeps while the gate answers questions and takes no lines.
MAX_SPOOL_BYTES = 256 * 1024 * 1024
LOCK, POSITIONS = ".sending", ".sent"
TAKEN = 204
COMPLAINT_ROUNDS = 30


class Sender:
    """A thread of one process. Of all processes with this spool, one sends at a time, for all of them."""

    def __init__(
        self,
        directory: Path,
        client: httpx2.Client,
        missed: MissedRequests,
        say: Callable[[str], None],
        *,
        max_spool_bytes: int = MAX_SPOOL_BYTES,
    ) -> None:
        self._directory = directory
        self._client = client
        self._missed = missed
        self._say = say
        self._max_spool_bytes = max_spool_bytes
        self._own = Spool(directory, stem=ENDS)
        self._failed_rounds = 0
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simsim sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send once more, and end the thread. Returns after STOP_SECONDS even if the gate is away."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def send_once(self) -> bool:
        """Send all lines that wait; return whether none is left. Raises OSError."""
        self._report_missed()
        with _lock(self._directory) as is_held:
            return self._send() if is_held else True

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_stopped.wait(INTERVAL_SECONDS)
            try:
                is_done = self.send_once()
            except Exception as error:  # the thread must outlive whatever goes wrong with a disk
                is_done = False
                self._say(f"The lines of requests can't be sent: {type(error).__name__}")
            self._failed_rounds = 0 if is_done else self._failed_rounds + 1
            if self._failed_rounds % COMPLAINT_ROUNDS == 1:
                self._say("The gate does not take the lines of how requests ended; they are kept and sent again")
        self._own.close()

    def _report_missed(self) -> None:
        if (gap := self._missed.take()) is not None and not self._own.append_note(gap.line()):
            self._say(f"{gap.lines} requests got 503 and are in no log: the disk has no room to say so")

    def _send(self) -> bool:
        sent = read_positions(self._directory)
        kept: dict[str, int] = {}
        size = sum(path.stat().st_size for path in self._directory.glob(spool_files.ENDS))
        is_taken = True
        for file in spool_files.ends_files(self._directory):
            is_taken = is_taken and self._deliver(file, sent)
            begins_at = sent.get(file.identity, 0)
            is_whole = begins_at >= os.fstat(file.descriptor).st_size
            if file.is_finished and (is_whole or size > self._max_spool_bytes):
                if not is_whole:
                    self._say(f"{lines_after(file, begins_at)} lines of how requests ended were dropped: too many wait")
                size -= file.status.st_size
                spool_files.delete(file)
            else:
                kept[file.identity] = begins_at
        if kept != sent:
            write_positions(self._directory, kept)
        return is_taken

    def _deliver(self, file: SpoolFile, sent: dict[str, int]) -> bool:
        """Send a file's lines, noting after each batch that the gate has them; return whether it took all."""
        while (piece := spool_files.read_lines(file, sent.get(file.identity, 0), MAX_BATCH_BYTES)).data:
            if not self._is_taken(piece.data):
                return False
            sent[file.identity] = piece.end
            write_positions(self._directory, sent)
            if piece.is_at_end:
                break
        return True

    def _is_taken(self, lines: bytes) -> bool:
        lines = lines if lines.endswith(b"\n") else lines + b"\n"
        try:
            return self._client.post(PATH, content=lines).status_code == TAKEN
        except httpx2.RequestError:
            return False


def read_positions(directory: Path) -> dict[str, int]:
    """Return how many bytes of each file the gate has, by the file's identity. What is unknown is sent again."""
    try:
        said = json.loads((directory / POSITIONS).read_bytes())
        return {str(identity): int(offset) for identity, offset in said.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_positions(directory: Path, sent: dict[str, int]) -> None:
    """Replace the kept positions. Raises OSError."""
    fresh = directory / f"{POSITIONS}.new"
    fresh.write_text(json.dumps(sent))
    fresh.replace(directory / POSITIONS)


def lines_after(file: SpoolFile, offset: int) -> int:
    """Return how many lines of a file begin after the offset."""
    count = 0
    while data := os.pread(file.descriptor, MAX_BATCH_BYTES, offset):
        count += data.count(b"\n")
        offset += len(data)
    return count


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[bool]:
    """Hold the right to send; yield whether another process has it not."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)
