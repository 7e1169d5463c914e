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
from typing import Any

from simsim.operations.program import Running
from simsim.problem import Unusable

NAME = "serve.json"
# Another process may be writing the file or testing the lock at this moment.
ATTEMPTS = 20
PAUSE_SECONDS = 0.02


class ServeState:
    """Writes the file while `simsim serve` runs, and leaves it behind, as a sign that it has run here."""

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
    wait = None if running.due_at is None else running.due_at - time.monotonic()
    due_at = None if wait is None else (datetime.now(UTC) + timedelta(seconds=wait)).isoformat()
    ending = running.ending if running.failures else ""
    return {"name": running.program.name, "failures": running.failures, "ending": ending, "due_at": due_at}


def _locked(path: Path) -> int:
    """Return the file, opened and locked while we live: a process that gets the lock knows that nobody serves."""
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
    """A program that `simsim serve` supervises: how often in a row it failed, how, and when it restarts."""

    name: str
    failures: int
    ending: str
    due_at: datetime | None


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
    due_at = datetime.fromisoformat(said["due_at"]) if said["due_at"] else None
    return ProgramState(said["name"], said["failures"], said["ending"], due_at)


def _can_be_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
