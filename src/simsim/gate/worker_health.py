"""The health of this node's worker, for `/readyz`: read from a file that the worker writes every few seconds."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simsim.gate.spool import ENDS, GATE, NODE_ENDS

FILE_NAME = ".worker"
# As long as several rounds, because a busy worker may be late.
MAX_SILENCE_SECONDS = 60.0
MAX_UNSHIPPED_SECONDS = 60.0
MAX_MAIL_SECONDS = 900.0
LINE_FILES = (f"{GATE}-*.jsonl", f"{ENDS}-*.jsonl", f"{NODE_ENDS}-*.jsonl", "gateway*.jsonl")
FIRST_LINE_BYTES = 16 * 1024
_time_in = re.compile(rb'"at": ?([0-9]+(?:\.[0-9]+)?)').search


@dataclass(frozen=True)
class OtherNode:
    """The last known state of another node's worker, as this node's worker read it.

    `last_round_seconds` is None if no round is known, and `oldest_unshipped_seconds` if no line waits there.
    """

    host: str
    last_round_seconds: float | None
    oldest_unshipped_seconds: float | None


@dataclass(frozen=True)
class WorkerHealth:
    """The time since the worker's last round, or None if no round is known, and the jobs that failed in it.

    The ages of the oldest unshipped line and of the oldest unsent email are None if no such line or email is known.
    """

    last_round_seconds: float | None
    failing: tuple[str, ...] = ()
    oldest_unshipped_seconds: float | None = None
    oldest_mail_seconds: float | None = None
    other_nodes: tuple[OtherNode, ...] = ()

    @property
    def is_good(self) -> bool:
        silence = self.last_round_seconds
        return (
            silence is not None
            and silence <= MAX_SILENCE_SECONDS
            and (self.oldest_unshipped_seconds or 0.0) <= MAX_UNSHIPPED_SECONDS
            and (self.oldest_mail_seconds or 0.0) <= MAX_MAIL_SECONDS
            and not self.failing
        )

    def document(self) -> dict[str, object]:
        return {
            "ok": self.is_good,
            "last_round_seconds": self.last_round_seconds,
            "oldest_unshipped_seconds": self.oldest_unshipped_seconds,
            "oldest_mail_seconds": self.oldest_mail_seconds,
            "failing": list(self.failing),
        }

    def other_documents(self) -> list[dict[str, object]]:
        return [asdict(node) for node in self.other_nodes]


def read_worker_health(spool: Path, now: float) -> WorkerHealth:
    """Return what the worker of this spool last reported; `now` is in seconds since 1970. Never raises."""
    path = spool / FILE_NAME
    try:
        round_at, said = path.stat().st_mtime, json.loads(path.read_bytes())
        shipped = said.get("shipped")
        return WorkerHealth(
            last_round_seconds=_age(round_at, now),
            failing=tuple(str(name) for name in said["failing"]),
            oldest_unshipped_seconds=None if shipped is None else _age(_oldest_unshipped_at(spool, shipped), now),
            oldest_mail_seconds=_age(said.get("oldest_mail_at"), now),
            other_nodes=tuple(_other_node(node, now) for node in said.get("other_nodes", ())),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return WorkerHealth(None)


def _other_node(said: Mapping[str, Any], now: float) -> OtherNode:
    return OtherNode(str(said["host"]), _age(said["round_at"], now), _age(said["unshipped_since"], now))


def _age(moment: float | None, now: float) -> float | None:
    return None if moment is None else round(max(0.0, now - moment), 1)


def _oldest_unshipped_at(spool: Path, shipped: Mapping[str, int]) -> float | None:
    """Return when the oldest unshipped line was written, or None if all are shipped.

    `shipped` has the bytes that the worker has shipped of each file, by inode. Looking at the files themselves shows
    lines that were written after the worker died.
    """
    moments = (_first_moment(path, shipped) for pattern in LINE_FILES for path in spool.glob(pattern))
    return min((moment for moment in moments if moment is not None), default=None)


def _first_moment(path: Path, shipped: Mapping[str, int]) -> float | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # shipped and deleted since the listing
        return None
    try:
        status = os.fstat(file)
        offset = shipped.get(str(status.st_ino), 0)
        # The inode may have belonged to a file that was deleted, and may belong to another file now.
        line = os.pread(file, FIRST_LINE_BYTES, offset if offset <= status.st_size else 0)
    finally:
        os.close(file)
    found = _time_in(line)
    return (float(found[1]) if found else status.st_mtime) if line else None
