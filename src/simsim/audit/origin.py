"""Where an act comes from: the console, the command line, the API, or Simsim itself; from which address or OS user.

Each door states it once, around all that it does, so that no action has to pass it on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Door(StrEnum):
    CONSOLE = "console"
    COMMAND_LINE = "command_line"
    API = "api"
    BACKGROUND = "background"


@dataclass(frozen=True)
class Origin:
    """`address` is the client's IP address, "" if there is none; `os_user` is the command line's user."""

    door: Door = Door.BACKGROUND
    address: str = ""
    os_user: str = ""


_origin: ContextVar[Origin] = ContextVar("origin")
SIMSIM_ITSELF = Origin()


def current_origin() -> Origin:
    """Return the origin of what runs now: Simsim itself, unless a door has stated another."""
    return _origin.get(SIMSIM_ITSELF)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Record this origin with every event inside the block."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
