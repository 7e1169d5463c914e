"""One round through a spool: which lines it takes, and where it leaves each file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from simsim.request_log import tailing
from simsim.request_log.access_logs import Ignored
from simsim.request_log.following import Follower
from simsim.request_log.lines import Completed, Decided, Missed, parse_completed, parse_gate_line, set_aside_text
from simsim.request_log.tailing import SpoolFile

# Some 20,000 requests at once in a backlog: what is counted of them is then stored in few rows for many.
COMPLETED_BYTES = 4 * 1024 * 1024
DECIDED_BYTES = 8 * 1024 * 1024

Parsed = TypeVar("Parsed", bound=Decided | Missed | Completed)


class Move(NamedTuple):
    """A file was read from one offset to another; `start` None: for the first time."""

    identity: str
    name: str
    start: int | None
    end: int


class SetAside(NamedTuple):
    """What could not be parsed, and where it stood."""

    name: str
    offset: int
    text: str


@dataclass
class Reading:
    """What one round has read, beginning at `positions`: a file's identity and how many of its bytes are shipped.

    `shipped` are the files that nobody writes to and that hold nothing more.
    """

    positions: dict[str, int]
    decided: list[Decided] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    broken: list[SetAside] = field(default_factory=list)
    moves: dict[str, Move] = field(default_factory=dict)
    shipped: list[SpoolFile] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    has_gateway: bool = False
    is_gateway_at_end: bool = True
    is_gate_at_end: bool = True

    def read_gateway(self, directory: Path, most_bytes: int = COMPLETED_BYTES) -> None:
        """Read how requests ended."""
        for file in tailing.gateway_files(directory):
            taken, is_at_end = self._read(file, most_bytes, parse_completed, self.completed)
            most_bytes -= taken
            self.is_gateway_at_end &= is_at_end

    def read_access_logs(self, followers: Iterable[Follower], now: datetime, most_bytes: int = COMPLETED_BYTES) -> None:
        """Read how requests ended that came through other proxies."""
        for follower in followers:
            for file in follower.files(now):
                begins = follower.log.kind.begins
                taken, is_at_end = self._read(file, most_bytes, follower.log.parse, self.completed, begins=begins)
                most_bytes -= taken
                self.is_gateway_at_end &= is_at_end
                # Not in this round, which may yet fail: only once the position is stored it is not read again.
                if is_at_end and file.is_finished and file.identity not in self.moves:
                    follower.is_read(file)
            self.has_gateway = True

    def read_gate(self, directory: Path, most_bytes: int = DECIDED_BYTES) -> None:
        """Read what was decided: to the end, or in a backlog as far in time as the gateway was read.

        The time is for speed alone: lines that belong together then meet in memory.
        """
        until = None if self.is_gateway_at_end else max((end.at for end in self.completed), default=None)
        lines: list[Decided | Missed] = []
        for file in tailing.gate_files(directory):
            taken, is_at_end = self._read(file, most_bytes, parse_gate_line, lines, until=until)
            most_bytes -= taken
            self.is_gate_at_end &= is_at_end
        self.decided += (line for line in lines if isinstance(line, Decided))
        self.missed += (line for line in lines if isinstance(line, Missed))
        # Asked last: nginx makes its log before it takes the first request that the gate can have decided.
        self.has_gateway |= tailing.has_gateway(directory)

    def is_only_copy(self, file: SpoolFile) -> bool:
        """Whether no other file of the spool begins like this one."""
        return self.identities.count(file.identity) == 1

    def _read(
        self,
        file: SpoolFile,
        most_bytes: int,
        parse: Callable[[str], Parsed | Ignored | None],
        parsed: list[Parsed],
        *,
        until: datetime | None = None,
        begins: str = tailing.START_OF_A_LINE,
    ) -> tuple[int, bool]:
        """Return how many bytes the lines took that were added to what is parsed, and whether no more are there."""
        self.identities.append(file.identity)
        if file.identity in self.moves:
            return 0, False  # a copy of a file that is still being read: in a later round
        start = self.positions.get(file.identity)
        begin = file.begins_at if start is None else start
        offset, is_at_end, is_late = begin, False, False
        while not (is_at_end or is_late) and offset - begin < most_bytes:
            lines, end, is_at_end = tailing.read_lines(file, offset)
            for line in lines:
                text = line.decode("utf-8", "replace")
                found: Parsed | Ignored | None = parse(text)
                if found is None:
                    found = self._mend(file, offset, text, parse, begins)
                offset += len(line) + 1
                if found is not None and not isinstance(found, Ignored):
                    parsed.append(found)
                    if until is not None and found.at > until:
                        is_at_end, is_late, end = False, True, offset
                        break
            offset = end
        if offset != start:
            self.moves[file.identity] = Move(file.identity, file.name, start, offset)
        if is_at_end and file.is_finished and file.is_ours:
            self.shipped.append(file)
        return offset - begin, is_at_end

    def _mend(
        self,
        file: SpoolFile,
        offset: int,
        text: str,
        parse: Callable[[str], Parsed | Ignored | None],
        begins: str,
    ) -> Parsed | Ignored | None:
        """Return what can be saved of a broken line, None for nothing; the rest of it is set aside."""
        merged = tailing.split_merged(text, begins)
        found = parse(merged[1]) if merged else None
        broken = merged[0] if merged and found else text
        if broken:
            self.broken.append(SetAside(file.name, offset, set_aside_text(broken)))
        return found
