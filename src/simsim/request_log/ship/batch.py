"""One round through a spool: the lines that it reads, and the position in each file afterwards."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from simsim.request_log.ship import spool_files
from simsim.request_log.ship.counted_lines import Counted, parse_counted
from simsim.request_log.ship.lines import (
    Completed,
    Decided,
    Missed,
    Timed,
    is_optional,
    parse_completed,
    parse_gate_line,
    parse_node_line,
    set_aside_text,
)
from simsim.request_log.ship.plain_lines import plain_completed, plain_decided
from simsim.request_log.ship.proxy_files import Follower
from simsim.request_log.ship.proxy_formats import Ignored
from simsim.request_log.ship.spool_files import Piece, SpoolFile

# With a backlog, a round reads about 20,000 requests, so that many requests update the same few rows of counts.
COMPLETED_BYTES = 4 * 1024 * 1024
DECIDED_BYTES = 8 * 1024 * 1024

Parsed = TypeVar("Parsed", bound=Decided | Missed | Timed | Counted | Completed)


@dataclass(frozen=True)
class LineParser(Generic[Parsed]):
    """The functions that parse one kind of file. `parse` takes one line and returns None for a broken one.

    `plain` takes a block of lines and returns one result for each line, or None where `parse` must read the line.
    `begins` is a text that occurs only at the beginning of a line.
    """

    parse: Callable[[str], Parsed | Ignored | None]
    plain: Callable[[str], Sequence[Parsed | None]] | None = None
    begins: str = spool_files.START_OF_A_LINE


def parse_known_gate_line(line: str) -> Decided | Missed | Timed | Counted | Ignored | None:
    """Return a parsed line of a gate, IGNORED for one of an unknown kind that may be skipped, None for a broken one."""
    return parse_gate_line(line) or parse_counted(line) or (Ignored.IGNORED if is_optional(line) else None)


GATE: LineParser[Decided | Missed | Timed | Counted] = LineParser(parse_known_gate_line, plain_decided)
GATEWAY: LineParser[Completed] = LineParser(parse_completed, plain_completed)
NODE: LineParser[Completed | Missed] = LineParser(parse_node_line)


class Move(NamedTuple):
    """The offsets between which a file was read; `start` is None if it was read for the first time."""

    identity: str
    name: str
    start: int | None
    end: int


class SetAside(NamedTuple):
    """A text that could not be parsed, and its position."""

    name: str
    offset: int
    text: str


@dataclass
class Reading:
    """The lines that one round has read from `positions` on: the number of shipped bytes of each file, by its identity.

    `shipped` holds the files that have been read to their end and have no writer.
    """

    positions: dict[str, int]
    decided: list[Decided] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    timed: list[Timed] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    broken: list[SetAside] = field(default_factory=list)
    moves: dict[str, Move] = field(default_factory=dict)
    shipped: list[SpoolFile] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    has_gateway: bool = False
    is_gateway_at_end: bool = True
    is_gate_at_end: bool = True

    def read_gateway(self, directory: Path, max_bytes: int = COMPLETED_BYTES) -> None:
        """Read the ends of requests from the gateway and from middleware."""
        for file in spool_files.gateway_files(directory):
            taken, is_at_end = self._read(file, max_bytes, GATEWAY, self.completed)
            max_bytes -= taken
            self.is_gateway_at_end &= is_at_end

    def read_nodes(self, directory: Path, max_bytes: int = COMPLETED_BYTES) -> None:
        """Read the ends of requests to APIs on other hosts, which ask a gate on this machine."""
        lines: list[Completed | Missed] = []
        for file in spool_files.node_files(directory):
            taken, is_at_end = self._read(file, max_bytes, NODE, lines)
            max_bytes -= taken
            self.is_gateway_at_end &= is_at_end
        self.completed += (line for line in lines if isinstance(line, Completed))
        self.missed += (line for line in lines if isinstance(line, Missed))

    def read_access_logs(self, followers: Iterable[Follower], now: datetime, max_bytes: int = COMPLETED_BYTES) -> None:
        """Read the ends of requests from the logs of other proxies."""
        for follower in followers:
            parser = LineParser(follower.log.parse, begins=follower.log.log_format.begins)
            for file in follower.files(now):
                taken, is_at_end = self._read(file, max_bytes, parser, self.completed)
                max_bytes -= taken
                self.is_gateway_at_end &= is_at_end
                # Skip files in which this round has advanced: the round may still fail, and then their lines are read
                # again.
                if is_at_end and file.is_finished and file.identity not in self.moves:
                    follower.note_read(file)
            self.has_gateway = True

    def read_gate(self, directory: Path, max_bytes: int = DECIDED_BYTES) -> None:
        """Read all decisions, or in a backlog only those up to the time of the last line read from the gateway.

        The time limit only saves time: it puts both lines of a request into the same batch.
        """
        until = None if self.is_gateway_at_end else max((end.at for end in self.completed), default=None)
        lines: list[Decided | Missed | Timed | Counted] = []
        for file in spool_files.gate_files(directory):
            taken, is_at_end = self._read(file, max_bytes, GATE, lines, until=until)
            max_bytes -= taken
            self.is_gate_at_end &= is_at_end
        self.decided += (line for line in lines if isinstance(line, Decided))
        self.missed += (line for line in lines if isinstance(line, Missed))
        self.timed += (line for line in lines if isinstance(line, Timed))
        self.counted += (line for line in lines if isinstance(line, Counted))
        # Check this last: nginx creates its log before it accepts the first request that the gate can have decided.
        self.has_gateway |= spool_files.has_gateway(directory)

    def is_only_copy(self, file: SpoolFile) -> bool:
        """Whether no other file of the spool has the same beginning."""
        return self.identities.count(file.identity) == 1

    def _read(
        self,
        file: SpoolFile,
        max_bytes: int,
        parser: LineParser[Parsed],
        parsed: list[Parsed],
        *,
        until: datetime | None = None,
    ) -> tuple[int, bool]:
        """Add the file's lines to `parsed`; return how many bytes they took, and whether the file has no more."""
        self.identities.append(file.identity)
        if file.identity in self.moves:
            return 0, False  # a copy of a file that this round already reads, so leave it to a later round
        start = self.positions.get(file.identity)
        begin = file.begins_at if start is None else start
        offset, is_at_end, is_late = begin, False, False
        while not (is_at_end or is_late) and offset - begin < max_bytes:
            piece = spool_files.read_lines(file, offset)
            found, offset, is_late = self._understand(file, offset, piece, parser, until=until)
            parsed += found
            is_at_end = piece.is_at_end and not is_late
        if offset != start:
            self.moves[file.identity] = Move(file.identity, file.name, start, offset)
        if is_at_end and file.is_finished and file.is_ours:
            self.shipped.append(file)
        return offset - begin, is_at_end

    def _understand(
        self, file: SpoolFile, offset: int, piece: Piece, parser: LineParser[Parsed], *, until: datetime | None
    ) -> tuple[list[Parsed], int, bool]:
        """Return the parsed lines, where the next line begins, and whether the last one is later than `until`."""
        plain = parser.plain(piece.text) if parser.plain and piece.data else [None] * len(piece.lines)
        found = [each for each in plain if each is not None]
        if len(found) == len(plain) and (until is None or all(each.at <= until for each in found)):
            return found, piece.end, False
        found = []
        for line, said in zip(piece.lines, plain, strict=True):
            each = said or self._parse(file, offset, line, parser)
            offset += len(line) + 1
            if each is not None and not isinstance(each, Ignored):
                found.append(each)
                if until is not None and each.at > until:
                    return found, offset, True
        return found, piece.end, False

    def _parse(self, file: SpoolFile, offset: int, line: bytes, parser: LineParser[Parsed]) -> Parsed | Ignored | None:
        """Return the parsed line. If a broken line ends in a valid one, return that, and set the other part aside."""
        text = line.decode("utf-8", "replace")
        if (found := parser.parse(text)) is not None:
            return found
        merged = spool_files.split_merged(text, parser.begins)
        found = parser.parse(merged[1]) if merged else None
        broken = merged[0] if merged and found else text
        if broken:
            self.broken.append(SetAside(file.name, offset, set_aside_text(broken)))
        return found
