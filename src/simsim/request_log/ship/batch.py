"""One round through a spool: which lines it takes, and where it leaves each file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from simsim.request_log.ship import spool_files
from simsim.request_log.ship.lines import Completed, Decided, Missed, parse_completed, parse_gate_line, set_aside_text
from simsim.request_log.ship.plain_lines import plain_completed, plain_decided
from simsim.request_log.ship.proxy_files import Follower
from simsim.request_log.ship.proxy_formats import Ignored
from simsim.request_log.ship.spool_files import Piece, SpoolFile

# Some 20,000 requests at once in a backlog: what is counted of them is then stored in few rows for many.
COMPLETED_BYTES = 4 * 1024 * 1024
DECIDED_BYTES = 8 * 1024 * 1024

Parsed = TypeVar("Parsed", bound=Decided | Missed | Completed)


@dataclass(frozen=True)
class Language(Generic[Parsed]):
    """How a kind of files is read: `parse` takes one line and returns None for a broken one.

    `plain` takes a block of lines and returns one answer for each, None where the line is to be parsed by itself.
    `begins` is what only the beginning of a line looks like.
    """

    parse: Callable[[str], Parsed | Ignored | None]
    plain: Callable[[str], Sequence[Parsed | None]] | None = None
    begins: str = spool_files.START_OF_A_LINE


GATE: Language[Decided | Missed] = Language(parse_gate_line, plain_decided)
GATEWAY: Language[Completed] = Language(parse_completed, plain_completed)


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
        for file in spool_files.gateway_files(directory):
            taken, is_at_end = self._read(file, most_bytes, GATEWAY, self.completed)
            most_bytes -= taken
            self.is_gateway_at_end &= is_at_end

    def read_access_logs(self, followers: Iterable[Follower], now: datetime, most_bytes: int = COMPLETED_BYTES) -> None:
        """Read how requests ended that came through other proxies."""
        for follower in followers:
            language = Language(follower.log.parse, begins=follower.log.log_format.begins)
            for file in follower.files(now):
                taken, is_at_end = self._read(file, most_bytes, language, self.completed)
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
        for file in spool_files.gate_files(directory):
            taken, is_at_end = self._read(file, most_bytes, GATE, lines, until=until)
            most_bytes -= taken
            self.is_gate_at_end &= is_at_end
        self.decided += (line for line in lines if isinstance(line, Decided))
        self.missed += (line for line in lines if isinstance(line, Missed))
        # Asked last: nginx makes its log before it takes the first request that the gate can have decided.
        self.has_gateway |= spool_files.has_gateway(directory)

    def is_only_copy(self, file: SpoolFile) -> bool:
        """Whether no other file of the spool begins like this one."""
        return self.identities.count(file.identity) == 1

    def _read(
        self,
        file: SpoolFile,
        most_bytes: int,
        language: Language[Parsed],
        parsed: list[Parsed],
        *,
        until: datetime | None = None,
    ) -> tuple[int, bool]:
        """Return how many bytes the lines took that were added to what is parsed, and whether no more are there."""
        self.identities.append(file.identity)
        if file.identity in self.moves:
            return 0, False  # a copy of a file that is still being read: in a later round
        start = self.positions.get(file.identity)
        begin = file.begins_at if start is None else start
        offset, is_at_end, is_late = begin, False, False
        while not (is_at_end or is_late) and offset - begin < most_bytes:
            piece = spool_files.read_lines(file, offset)
            found, offset, is_late = self._understand(file, offset, piece, language, until=until)
            parsed += found
            is_at_end = piece.is_at_end and not is_late
        if offset != start:
            self.moves[file.identity] = Move(file.identity, file.name, start, offset)
        if is_at_end and file.is_finished and file.is_ours:
            self.shipped.append(file)
        return offset - begin, is_at_end

    def _understand(
        self, file: SpoolFile, offset: int, piece: Piece, language: Language[Parsed], *, until: datetime | None
    ) -> tuple[list[Parsed], int, bool]:
        """Return what the lines say, where the next one begins, and whether the last of these is later than `until`."""
        plain = language.plain(piece.text) if language.plain and piece.data else [None] * len(piece.lines)
        found = [each for each in plain if each is not None]
        if len(found) == len(plain) and (until is None or all(each.at <= until for each in found)):
            return found, piece.end, False
        found = []
        for line, said in zip(piece.lines, plain, strict=True):
            each = said or self._parse(file, offset, line, language)
            offset += len(line) + 1
            if each is not None and not isinstance(each, Ignored):
                found.append(each)
                if until is not None and each.at > until:
                    return found, offset, True
        return found, piece.end, False

    def _parse(self, file: SpoolFile, offset: int, line: bytes, language: Language[Parsed]) -> Parsed | Ignored | None:
        """Return what a line says, or what can be saved of a broken one: the rest of it is set aside."""
        text = line.decode("utf-8", "replace")
        if (found := language.parse(text)) is not None:
            return found
        merged = spool_files.split_merged(text, language.begins)
        found = language.parse(merged[1]) if merged else None
        broken = merged[0] if merged and found else text
        if broken:
            self.broken.append(SetAside(file.name, offset, set_aside_text(broken)))
        return found
