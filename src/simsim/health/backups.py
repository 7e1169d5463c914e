"""The last backup that this node made, and the state of its revocation journal."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

NAME = "last-backup.json"


@dataclass(frozen=True)
class LastBackup:
    """When `simsim backup` last succeeded on this node, and the file that it wrote."""

    at: datetime
    path: str


@dataclass(frozen=True)
class JournalState:
    """The journal's file: `changed_at` and `size_bytes` are None if it is missing; `trouble` is "" if it is usable."""

    path: Path
    changed_at: datetime | None
    size_bytes: int | None
    trouble: str


def note_path() -> Path:
    path: Path = settings.OPERATOR.data_dir.absolute() / NAME
    return path


def note_backup(path: Path, *, at: datetime) -> None:
    """Note a successful backup. Raises OSError."""
    record = note_path()
    written = record.with_name(f"{NAME}.new")
    written.write_text(json.dumps({"at": at.isoformat(), "path": str(path)}), encoding="utf-8")
    written.rename(record)


def last_backup() -> LastBackup | None:
    """Return the last backup of this node, or None if it never made one, or if the note can't be read."""
    try:
        said = json.loads(note_path().read_text(encoding="utf-8"))
        return LastBackup(datetime.fromisoformat(said["at"]), str(said["path"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def journal_state() -> JournalState:
    """Return the state of the journal, as far as it can be known without writing to it."""
    path: Path = settings.JOURNAL
    try:
        found = path.stat()
    except FileNotFoundError:
        is_usable = os.access(path.parent, os.W_OK | os.X_OK)
        return JournalState(path, None, None, "" if is_usable else f"{path.parent} can't be written by this user")
    except OSError as error:
        return JournalState(path, None, None, f"can't be read ({(error.strerror or '').lower()})")
    changed_at = datetime.fromtimestamp(found.st_mtime, UTC)
    if not path.is_file():
        trouble = "is not a file"
    else:
        trouble = "" if os.access(path, os.R_OK | os.W_OK) else "can't be written by this user"
    return JournalState(path, changed_at, found.st_size, trouble)
