"""Proves that the databases of an installation are present and safe: a new one must not be made in their place."""

import os
from collections.abc import Iterator
from pathlib import Path

from simsim import sqlite_library
from simsim.operations.context import Operator
from simsim.problem import Unusable

# A file that is there while the first `migrate` runs: cut short, it leaves keys that have no database yet.
FIRST = ".first-migration"


def is_missing(path: Path) -> bool:
    """Whether there is no database in this file. An empty file is none: opening one that was not there leaves it."""
    try:
        return path.stat().st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise Unusable(
            "The database %(path)s can't be read (%(reason)s)", path=str(path), reason=(error.strerror or "").lower()
        ) from error


def prove_files_safe(operator: Operator) -> None:
    """Raise Unusable when a database is a file that the SQLite in use could corrupt."""
    if operator.database_files:
        sqlite_library.prove_safe()


def said_missing(operator: Operator, alias: str) -> str:
    """Return what to say of a database that is a file and is not there, "" of every other."""
    files = operator.database_files
    path = files[0] if alias == "default" and operator.is_embedded else files[-1] if files else None
    if path is None or not is_missing(path):
        return ""
    try:
        prove_not_moved_away(operator)
    except Unusable as problem:
        return str(problem)
    return f"there is no {path} yet: run simsim migrate"


def prove_databases_present(operator: Operator) -> None:
    """Raise Unusable, and create nothing, when a database that is a file is missing."""
    missing = [path for path in operator.database_files if is_missing(path)]
    if not missing:
        return
    prove_not_moved_away(operator)
    raise Unusable("There is no database %(path)s yet: run simsim migrate", path=str(missing[0]))


def prove_not_moved_away(operator: Operator) -> None:
    """Raise Unusable when a database is missing beside what only it can make whole."""
    if (operator.data_dir / FIRST).exists():
        return
    files = operator.database_files
    if operator.is_embedded and is_missing(files[0]) and (found := next(remains(operator), None)):
        raise Unusable(
            "The database %(path)s is missing, but %(found)s is there: put the database back."
            " To begin anew, use an empty SIMSIM_DATA_DIR",
            path=str(files[0]), found=str(found),
        )  # fmt: skip
    # Only the log in its usual place: one that the operator has just named elsewhere is new. An empty file is the
    # operator's leave to begin anew.
    log = operator.data_dir.absolute() / "request_log.sqlite3"
    if operator.is_embedded and log in files[1:] and not is_missing(files[0]) and not log.exists():
        raise Unusable(
            "The request log %(path)s is missing: put it back. To begin an empty log: touch %(path)s", path=str(log)
        )


def remains(operator: Operator) -> Iterator[Path]:
    """Yield what an installation has left behind: its keys, its log, and lines of the gate that wait for a log."""
    for name in ("token_keys", "secret_key"):
        if os.path.lexists(operator.keys_dir / name):
            yield operator.keys_dir / name
    for path in operator.database_files[1:]:
        if not is_missing(path):
            yield path
    yield from spooled(operator)


def spooled(operator: Operator) -> Iterator[Path]:
    if operator.spool_dir.is_dir():
        yield from (path for path in sorted(operator.spool_dir.iterdir()) if not path.name.startswith("."))
