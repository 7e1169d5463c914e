"""A lock on the data directory: those who use the databases for long share it, and a restore needs it for itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsim.problem import Unusable

LOCK_FILE = "in-use.lock"


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """Keep restores away while this lasts; raise Unusable during one."""
    with held(data_dir, fcntl.LOCK_SH) as is_held:
        if not is_held:
            raise Unusable("simsim restore is replacing the databases of %(path)s: wait for it", path=str(data_dir))
        yield


@contextmanager
def to_ourselves(data_dir: Path) -> Iterator[None]:
    """Keep `simsim serve` and `simsim worker` away while this lasts; raise Unusable while one runs."""
    with held(data_dir, fcntl.LOCK_EX) as is_held:
        if not is_held:
            raise Unusable(
                "simsim serve, a worker or another restore uses %(path)s: stop it before you restore",
                path=str(data_dir),
            )
        yield


@contextmanager
def held(data_dir: Path, kind: int) -> Iterator[bool]:
    file = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        is_held = True
    except BlockingIOError:
        is_held = False
    try:
        yield is_held
    finally:
        os.close(file)
