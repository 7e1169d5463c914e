"""The revocation journal: a file outside the database that says what was revoked, paused, rotated or narrowed.

A restored database is older than these changes, and the journal is how `simsim restore` learns of them. Each line is
durable before the change is committed, and holds no secret. The file is bounded: a full one becomes the previous one.
"""

import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.problem import Unusable

log = logging.getLogger(__name__)
FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024  # about 30,000 changes, and as many in the previous file
# The details that each kind of change needs to be applied again; None means all of them.
RESTRICTIONS: dict[str, frozenset[str] | None] = {
    Event.TOKEN_REVOKED: None,
    Event.TOKEN_PAUSED: None,
    # A resume restricts nothing, but without it a restore would pause the token again.
    Event.TOKEN_RESUMED: None,
    Event.TOKEN_ROTATED: None,
    Event.TOKEN_OVERLAP_ENDED: None,
    # Edits in the other direction too: only the last list says what was allowed in the end.
    Event.TOKEN_EDITED: frozenset({"allowed_networks", "report_only", "expires_at"}),
    Event.USER_REMOVED: None,
    Event.ROLE_CHANGED: None,
    Event.USER_PASSWORD_RESET: None,
    Event.ACCOUNT_CLOSED: None,
}


@dataclass(frozen=True)
class Change:
    """A restricting change, as the audit trail recorded it: `event_id` and `at` identify its event."""

    event_id: int
    at: datetime
    event: str
    account_id: str | None
    subject_id: str
    actor: str
    details: Mapping[str, object]

    @property
    def key(self) -> tuple[int, datetime]:
        return self.event_id, self.at


@dataclass(frozen=True)
class Journal:
    """One node's journal: the changes since `begun_at`, and the number of lines that can't be read."""

    path: Path
    host: str
    begun_at: datetime
    changes: tuple[Change, ...]
    unreadable: int


def change_of(event: AuditEvent) -> Change | None:
    """Return the restricting change that an event records, or None."""
    wanted = RESTRICTIONS.get(event.event, frozenset())
    details = {key: value for key, value in event.details.items() if wanted is None or key in wanted}
    if wanted is not None and not details:
        return None
    account_id = str(event.account_id) if event.account_id else None
    return Change(event.pk, event.at, event.event, account_id, event.subject_id, event.actor_label, details)


def note(events: Iterable[AuditEvent]) -> None:
    """Append the restricting changes among the events. Call it in the transaction that stores them.

    A line may thus belong to a change that was rolled back, but no committed change lacks its line. If the journal
    can't be written, the change still takes place: a full disk must not keep a leaked token alive.
    """
    changes = [change for change in map(change_of, events) if change]
    if not changes:
        return
    try:
        append(settings.JOURNAL, changes, now=changes[0].at)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        says = "the revocation journal %s can't be written (%s): a restore will not know of this change"
        log.error(says, settings.JOURNAL, reason)  # noqa: TRY400


def begin(path: Path, *, now: datetime) -> bool:
    """Begin a journal if there is none, so that a backup is never older than it; return whether one was begun.

    Raises Unusable if it can't be written.
    """
    if path.exists():
        return False
    try:
        append(path, [], now=now)
    except OSError as error:
        raise Unusable(
            "SIMSIM_JOURNAL: %(path)s can't be written (%(reason)s)",
            path=str(path), reason=(error.strerror or str(error)).lower(),
        ) from error  # fmt: skip
    return True


def append(path: Path, changes: Iterable[Change], *, now: datetime) -> None:
    """Append changes and sync them to disk. Raises OSError."""
    data = b"".join(line(vars(change) | {"at": change.at.isoformat()}) for change in changes)
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not is_at(path, file):
                continue  # another process has just made this file the previous one
            size = os.fstat(file).st_size
            if size and size + len(data) > MAX_BYTES:
                path.rename(previous(path))
                continue
            write(file, size, data, now)
            if not size:
                sync_directory(path.parent)
            return
        finally:
            os.close(file)


def write(file: int, size: int, data: bytes, now: datetime) -> None:
    if not size:
        data = line({"journal": FORMAT, "host": socket.gethostname(), "begun_at": now.isoformat()}) + data
    elif os.pread(file, 1, size - 1) != b"\n":  # a power cut has torn the last line
        data = b"\n" + data
    try:
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def read(path: Path) -> Journal:
    """Return a journal, with the changes of its previous file; raise Unusable if it can't be read or is none."""
    found = [read_file(each) for each in (previous(path), path) if each.exists() or each == path]
    changes = {change.key: change for each in found for change in each.changes}
    begun_at = min(each.begun_at for each in found)
    return Journal(path, found[-1].host, begun_at, tuple(changes.values()), sum(each.unreadable for each in found))


def read_file(path: Path) -> Journal:
    try:
        first, *others = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    except OSError as error:
        raise Unusable(
            "The journal %(path)s can't be read (%(reason)s)", path=str(path), reason=(error.strerror or "").lower()
        ) from error
    try:
        head = json.loads(first)
        host, begun_at = str(head["host"]), datetime.fromisoformat(head["begun_at"])
        is_ours = head["journal"] == FORMAT
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise Unusable("%(path)s is not a revocation journal of this version", path=str(path))
    parsed = [parse(text) for text in others if text]
    changes = tuple(change for change in parsed if change)
    return Journal(path, host, begun_at, changes, len(parsed) - len(changes))


def parse(text: str) -> Change | None:
    """Return the change in a line, None for a line that is torn or damaged."""
    try:
        found = json.loads(text)
        at = datetime.fromisoformat(found.pop("at"))
        return Change(at=at, **found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def sync_directory(path: Path) -> None:
    """Make new names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
