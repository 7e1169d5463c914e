"""Replaces Python's own SQLite with one without the WAL-reset bug, before any other module imports `sqlite3`.

Two connections that write and checkpoint at the same time can corrupt a file in WAL mode; SQLite 3.51.3 fixes this, as
do 3.50.7 and 3.44.6 on their branches (https://www.sqlite.org/wal.html, "The WAL-Reset Bug"). Debian 12 has 3.40.1.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from simsim.problem import Unusable

FIXED = (3, 51, 3)
# Older branches with the fix, each with the first patch release that has it.
FIXED_BRANCHES = {(3, 50): 7, (3, 44): 6}
CARRIED = "pysqlite3"


@dataclass(frozen=True)
class Library:
    """The SQLite that this process uses; `source` is the package it comes from."""

    version: tuple[int, ...]
    source: str

    @property
    def is_safe(self) -> bool:
        return is_fixed(self.version)

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} from {self.source}"


def is_fixed(version: tuple[int, ...]) -> bool:
    """Whether a version of SQLite is free of the WAL-reset bug."""
    patch = FIXED_BRANCHES.get((version[0], version[1]))
    return version >= FIXED or (patch is not None and version[2] >= patch)


def put_in_place() -> None:
    """Make every later `import sqlite3` in this process find the packaged SQLite, or Python's own if the package is not
    installed.

    If one process opened a file with two copies of the library, they would drop each other's locks, so no module may
    import `sqlite3` earlier.
    """
    try:
        carried = import_module(CARRIED)
    except ImportError:
        return
    if is_fixed(carried.sqlite_version_info):
        sys.modules["sqlite3"] = carried
        sys.modules["sqlite3.dbapi2"] = import_module(f"{CARRIED}.dbapi2")


def in_use() -> Library:
    """Return the SQLite that `import sqlite3` finds."""
    module: ModuleType = import_module("sqlite3")
    source = CARRIED if module.__name__ == CARRIED else "the system"
    return Library(module.sqlite_version_info, source)


def prove_safe() -> None:
    """Raise Unusable, in one line, if the SQLite in use has the WAL-reset bug."""
    library = in_use()
    if not library.is_safe:
        raise Unusable(
            "SQLite %(library)s can corrupt databases: install the package pysqlite3, or SQLite 3.51.3 or newer",
            library=str(library),
        )
