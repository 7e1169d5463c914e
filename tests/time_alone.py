"""The time that a process takes without the rest of the machine's load: its work, and the time for which it slept."""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

PAUSE_SECONDS = 0.02


def seconds_alone(pid: int, is_done: Callable[[], object], *, most_seconds: float) -> float:
    """Wait until something is done by a process and those that it starts, and return how long that took them alone.

    Each moment at which one of them runs, or waits for a processor, is paid for by the work that it does in the end;
    each at which none does is one that no quicker machine would spare. One processor alone would take as long.
    """
    began = before = time.monotonic()
    asleep = 0.0
    while not is_done():
        time.sleep(PAUSE_SECONDS)
        now = time.monotonic()
        assert now < began + most_seconds, f"not done after {most_seconds:g} s"
        if not wants_a_processor(pid):
            asleep += now - before
        before = now
    return asleep + busy_seconds(pid)


def wants_a_processor(pid: int) -> bool:
    """Whether any thread of a process, or of those below it, runs or could."""
    states = (fields(path)[0] for path in Path(f"/proc/{pid}/task").glob("*/stat"))
    return "R" in states or any(map(wants_a_processor, children(pid)))


def busy_seconds(pid: int) -> float:
    """Return how long a process and those below it have kept a processor busy, those that have ended included."""
    spent = sum(map(int, fields(Path(f"/proc/{pid}/stat"))[11:15])) / os.sysconf("SC_CLK_TCK")
    return spent + sum(map(busy_seconds, children(pid)))


def fields(stat: Path) -> list[str]:
    """Return what Linux tells of a process or a thread, from its state on; that of one that just ended is X."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X", *"0" * 20]


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


# What the work of `pace` took, in seconds of processor time, on the machine for which the tests state their limits.
STATED_SECONDS = 0.039


def pace() -> float:
    """Return how many times slower this machine is now than the one for which the tests state their limits; at least 1.

    The processor's time counts no other work, but a core that others share, or an older one, does less in a second.
    """
    return max(1.0, statistics.mean(spent_on_known_work() for _ in range(20)) / STATED_SECONDS)


def spent_on_known_work() -> float:
    began = time.process_time()
    for number in range(10_000):
        json.loads(json.dumps({"number": number, "name": f"Token {number}"}))
    return time.process_time() - began
