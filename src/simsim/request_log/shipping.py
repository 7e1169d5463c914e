"""A spool's lines into the log, each exactly once, whenever the worker dies and however often it starts again."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from simsim.request_log import storing, tailing
from simsim.request_log.joining import join
from simsim.request_log.lines import Completed, Decided, parse_completed, parse_decided, set_aside_text
from simsim.request_log.tailing import Line, SpoolFile

COMPLETED_BYTES = 1024 * 1024
DECIDED_BYTES = 4 * 1024 * 1024
LOCK_NAME = ".shipping"
SPOOL_ID_LENGTH = 32
TIDY_INTERVAL = timedelta(minutes=1)

Parsed = TypeVar("Parsed", Decided, Completed)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Reading:
    """What one round has read, and where each file was left."""

    positions: dict[str, int]
    decided: list[Decided] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    broken: list[storing.SetAside] = field(default_factory=list)
    moves: dict[str, storing.Move] = field(default_factory=dict)
    shipped: list[SpoolFile] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    is_gateway_at_end: bool = True
    is_gate_at_end: bool = True


class Shipper:
    """Ships what processes on this machine write to a spool. Several may run: one of them ships at a time."""

    def __init__(self, spool_dir: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self._directory = spool_dir
        self._clock = clock
        self._tidied_at = datetime.min.replace(tzinfo=UTC)

    def ship_once(self) -> int:
        """Ship a bounded number of lines; return how many rows were written or completed.

        0 means that there was nothing to do, or that another worker does it.
        """
        if not self._directory.is_dir():
            return 0
        with _shipping_lock(self._directory) as spool:
            return self._ship(spool) if spool else 0

    def _ship(self, spool: str) -> int:
        now = self._clock()
        reading = Reading(storing.positions())
        # The ends first: a decision is written before its answer, so whatever decision precedes one of these ends is in
        # the gate's files by now, and found below if they are read to their end.
        _read_gateway(self._directory, reading)
        _read_gate(self._directory, reading)
        waiting = storing.waiting({line.request_id for line in (*reading.decided, *reading.completed)})
        if reading.is_gate_at_end:
            waiting |= storing.ends_without_decision(spool)
        changes = join(reading.decided, reading.completed, waiting, is_gate_read_to_its_end=reading.is_gate_at_end)
        if reading.moves or len(changes):
            try:
                storing.save(changes, moves=reading.moves.values(), broken=reading.broken, spool=spool, now=now)
            except storing.Overtaken:
                return 0
        _delete_shipped(reading)
        self._tidy(reading, now)
        return len(changes)

    def _tidy(self, reading: Reading, now: datetime) -> None:
        # Not in a backlog: what is open may be completed by the lines that are still to be read.
        if reading.is_gate_at_end and reading.is_gateway_at_end and now - self._tidied_at >= TIDY_INTERVAL:
            storing.close_abandoned(now)
            self._tidied_at = now


def _read_gateway(directory: Path, reading: Reading) -> None:
    left = COMPLETED_BYTES
    for file in tailing.gateway_files(directory):
        read, is_at_end = _read(file, left, parse_completed, reading.completed, reading)
        left -= read
        reading.is_gateway_at_end &= is_at_end


def _read_gate(directory: Path, reading: Reading) -> None:
    """Read the gate's files: to their end, or in a backlog about as far as the gateway's were read."""
    left = DECIDED_BYTES
    until = None if reading.is_gateway_at_end else max((end.at for end in reading.completed), default=None)
    for file in tailing.gate_files(directory):
        read, is_at_end = _read(file, left, parse_decided, reading.decided, reading, until)
        left -= read
        reading.is_gate_at_end &= is_at_end


def _read(
    file: SpoolFile,
    most_bytes: int,
    parse: Callable[[str], Parsed | None],
    parsed: list[Parsed],
    reading: Reading,
    until: datetime | None = None,
) -> tuple[int, bool]:
    """Add the file's next lines to what is parsed; return how many bytes they took, and whether they were the last.

    It stops after `most_bytes`, or with the first line later than `until`.
    """
    reading.identities.append(file.identity)
    start = reading.positions.get(file.identity)
    if file.identity in reading.moves:
        return 0, False  # a copy: its turn comes when the other is gone
    offset, is_at_end = start or 0, False
    while not is_at_end and offset - (start or 0) < most_bytes:
        piece = tailing.read_lines(file, offset)
        offset, is_at_end = piece.end, piece.is_at_end
        for line in piece.lines:
            found = _parse(line, file, parse, reading)
            if found is None:
                continue
            parsed.append(found)
            if until is not None and found.at > until:
                offset, is_at_end = line.end, False
                break
        else:
            continue
        break
    if offset != start:
        reading.moves[file.identity] = storing.Move(file.identity, file.name, start, offset)
    if is_at_end and file.is_finished:
        reading.shipped.append(file)
    return offset - (start or 0), is_at_end


def _parse(line: Line, file: SpoolFile, parse: Callable[[str], Parsed | None], reading: Reading) -> Parsed | None:
    found = parse(line.text)
    if found is None and line.text:
        broken = line.text
        merged = tailing.split_merged(line.text)
        found = parse(merged[1]) if merged else None
        if merged and found:
            broken = merged[0]
        reading.broken.append(storing.SetAside(file.name, line.start, set_aside_text(broken)))
    return found


def _delete_shipped(reading: Reading) -> None:
    """Delete the files that hold nothing else. Only then are their positions forgotten, or they would be read again."""
    for file in reading.shipped:
        tailing.delete(file)
        if reading.identities.count(file.identity) == 1:
            storing.forget_position(file.identity)


@contextmanager
def _shipping_lock(directory: Path) -> Iterator[str | None]:
    """Hold the spool's lock and return the spool's own name, None when another worker holds it."""
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        name = os.pread(descriptor, SPOOL_ID_LENGTH, 0).decode("ascii", "replace")
        if len(name) < SPOOL_ID_LENGTH:
            # Only who holds the lock writes, and nothing waits under a name that was not written whole.
            name = secrets.token_hex(SPOOL_ID_LENGTH // 2)
            os.pwrite(descriptor, name.encode(), 0)
        yield name
    finally:
        os.close(descriptor)
