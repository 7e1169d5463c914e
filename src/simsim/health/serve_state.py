"""The state of `simsim serve`, in a file beside the gate's socket, for `simsim doctor` on the same machine."""

import fcntl
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from simsim.problem import Unusable

NAME = "serve.json"
# Another process may be writing the file or testing the lock at this moment.
ATTEMPTS = 20
PAUSE_SECONDS = 0.02


class Running(Protocol):
    """A program that a supervisor runs; its `started_at` and `due_at` are times of the monotonic clock."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def started_at(self) -> float: ...
    @property
    def failures(self) -> int: ...
    @property
    def ending(self) -> str: ...
    @property
    def due_at(self) -> float | None: ...


class ServeState:
    """Writes the file while `simsim serve` runs, and then leaves it in place to show that it has run here."""

    def __init__(self, directory: Path, *, host: str, port: int, tls: bool = False) -> None:
        self._path = directory / NAME
        self._place = {"host": host, "port": port, "tls": tls}
        self._file: int | None = None

    def __enter__(self) -> "ServeState":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def write(self, running: Sequence[Running]) -> None:
        """Write the state of each program; the file is created when the first program starts."""
        if self._file is None:
            self._file = _locked(self._path)
        text = json.dumps({**self._place, "programs": [described(each) for each in running]}).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))


def described(running: Running) -> dict[str, Any]:
    due_at = None if running.due_at is None else _by_the_wall(running.due_at)
    ending = running.ending if running.failures else ""
    return {
        "name": running.name,
        "pid": running.pid,
        "started_at": _by_the_wall(running.started_at),
        "failures": running.failures,
        "ending": ending,
        "due_at": due_at,
    }


def _by_the_wall(moment: float) -> str:
    """Return a time of the monotonic clock as the wall clock shows it."""
    return (datetime.now(UTC) + timedelta(seconds=moment - time.monotonic())).isoformat()


def _locked(path: Path) -> int:
    """Return the open file, locked as long as we run: who gets the lock knows that no `simsim serve` runs."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process is testing the lock
            time.sleep(PAUSE_SECONDS)
        else:
            return file
    os.close(file)
    raise Unusable("Another simsim serve uses %(path)s: stop it, or choose another SIMSIM_DATA_DIR", path=str(path))


@dataclass(frozen=True)
class ProgramState:
    """A program that `simsim serve` supervises: how many times in a row it failed, how, and when it restarts.

    `pid` and `started_at` are None in the file of an earlier version.
    """

    name: str
    failures: int
    ending: str
    due_at: datetime | None
    pid: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True)
class Served:
    """The state of `simsim serve` on this machine: whether it runs, where the console is, and its programs.

    `tls`: the console answers over HTTPS.
    """

    is_running: bool
    host: str
    port: int
    programs: tuple[ProgramState, ...]
    tls: bool = False

    def program(self, name: str) -> ProgramState | None:
        return next((each for each in self.programs if each.name == name), None)


def read_served(directory: Path) -> Served | None:
    """Return the state that the last `simsim serve` wrote, or None if it has never run here."""
    for _ in range(ATTEMPTS):
        try:
            file = os.open(directory / NAME, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            is_running = not _can_be_locked(file)
            found = json.loads(os.pread(file, 65536, 0))
            programs = tuple(_program(each) for each in found["programs"])
            return Served(is_running, found["host"], found["port"], programs, found.get("tls", False))
        except (ValueError, KeyError, TypeError):
            time.sleep(PAUSE_SECONDS)
        finally:
            os.close(file)
    return None


def _program(said: dict[str, Any]) -> ProgramState:
    due_at, started_at = (
        datetime.fromisoformat(at) if (at := said.get(key)) else None for key in ("due_at", "started_at")
    )
    return ProgramState(said["name"], said["failures"], said["ending"], due_at, said.get("pid"), started_at)


def _can_be_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
