"""The processes below a process, and waiting until they have done something."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path


def wait_for(condition: Callable[[], object], seconds: float = 90, printed: Sequence[str] = ("not in time",)) -> None:
    """Return once the condition is true; fail after that time with what was printed so far."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "".join(printed)
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live; none of a process that has ended meanwhile."""
    try:
        return [int(part) for part in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """Return the processes below this one, as Linux lists them."""
    direct = children(pid)
    return direct + [below for child in direct for below in descendants(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
