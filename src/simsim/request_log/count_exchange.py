"""The exchange of counts between nodes, so that a quota holds for all of them: every worker tells and hears (B17).

No request waits for it. So nodes together can let in more than a quota: at most what the others let in from the moment
when they counted it until this node hears it, which takes up to two rounds.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from simsim.credential.rates import DAY_SECONDS, WHOLE_SHARE, Usage, month_of
from simsim.gate.counters import Counters, Full, Others
from simsim.request_log import node_counts
from simsim.request_log.node_counts import Told
from simsim.request_log.ship.backlog import spool_name

ROUND_SECONDS = 2.0
# How long a row may take from its time until others can see it. A row that took longer is seen in the next full round.
MAX_COMMIT = timedelta(seconds=30)
FULL_ROUND_SECONDS = 600.0
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class CountExchange:
    """One node's part. `clock` is the gates' own clock: by another one, a day would begin twice in the file."""

    def __init__(self, spool: Path, counters: Counters, clock: Callable[[], float] = time.time) -> None:
        self._spool = spool
        self._counters = counters
        self._clock = clock
        # What this node and the others had let in of each token at the last round: the month, its number, and of the
        # others also the day and its number.
        self._own: dict[bytes, tuple[int, int]] = {}
        self._others: dict[bytes, tuple[int, int, int, int]] = {}
        self._read_at: datetime | None = None
        self._next_full = 0.0
        self._day = 0

    def run(self) -> int:
        """Tell the other nodes what this one has let in, and hear the same of them; return 0.

        Raises OSError if the counts can't be read or written.
        """
        node = spool_name(self._spool)
        if node is None:
            return 0
        now = self._clock()
        # At midnight, a node whose clock is ahead has already told of the new day.
        is_full = time.monotonic() >= self._next_full or int(now // DAY_SECONDS) != self._day
        new = self._tell(node, now, is_full=is_full)
        self._hear(node, now, new, is_full=is_full)
        if is_full:
            self._next_full, self._day = time.monotonic() + FULL_ROUND_SECONDS, int(now // DAY_SECONDS)
        return 0

    def _tell(self, node: str, now: float, *, is_full: bool) -> dict[bytes, int]:
        """Tell what has changed, or everything; return how many requests of each token are new since the last round."""
        counted = {key: usage for key, usage in self._counters.all(now) if usage.this_month}
        changed = {
            key: usage for key, usage in counted.items() if self._own.get(key) != (usage.month, usage.this_month)
        }
        node_counts.tell(node, [told(key, usage) for key, usage in (counted if is_full else changed).items()])
        new = {key: usage.this_month - number_of(self._own.get(key), usage.month) for key, usage in changed.items()}
        self._own = {key: (usage.month, usage.this_month) for key, usage in counted.items()}
        return new

    def _hear(self, node: str, now: float, own: dict[bytes, int], *, is_full: bool) -> None:
        day = int(now // DAY_SECONDS)
        month = month_of(day)
        read_at, is_first = node_counts.database_time(), self._read_at is None
        since = BEGINNING if is_full or self._read_at is None else self._read_at - MAX_COMMIT
        for heard in node_counts.heard_by(node, now, since=since):
            key, said = heard.token_id.bytes, (month, heard.this_month, day, heard.today)
            before = self._others.get(key)
            if said == before:
                continue
            new = heard.this_month - number_of(before, month)
            share = 0 if is_first else share_left(own.get(key, 0), max(new, 0), heard.nodes)
            # A token for which there is no room can't be counted, so this node lets in none of its requests.
            with contextlib.suppress(Full):
                self._counters.hear(key, now, Others(heard.today, heard.this_month, share))
            self._others[key] = said
        if is_full:
            self._others = {key: said for key, said in self._others.items() if said[0] == month}
        self._read_at = read_at


def number_of(before: tuple[int, ...] | None, month: int) -> int:
    """Return the number of the month that was told last, or 0 if it belongs to another month."""
    return before[1] if before is not None and before[0] == month else 0


def told(key: bytes, usage: Usage) -> Told:
    """Return what a node tells of a token."""
    return Told(UUID(bytes=key), usage.month, usage.this_month, usage.day, usage.today)


def share_left(own: int, others: int, nodes: int) -> int:
    """Return a node's share of a rate, in millionths: that of its requests, but at least an equal one.

    `own` and `others` are the requests of the last round, and `nodes` is the number of the other nodes. Without the
    minimum, a node to which the load moves would let in nothing.
    """
    return max(own * WHOLE_SHARE // max(own + others, 1), WHOLE_SHARE // (nodes + 1))
