"""The revocation journal: a file outside the database that says what was revoked, paused, rotated or narrowed.

A restored database is older than these changes, and the journal is how `simsim restore` learns of them. A change has
two lines: one is durable before it is committed, the other says afterwards that it was. A change without the second
line was rolled back, or the machine stopped in between. No line holds a secret. The file is bounded: a full one becomes
the previous one.
"""

import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.problem import Unusable

log = logging.getLogger(__name__)
FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024  # about 20,000 changes, and as many in the previous file
Key = tuple[int, datetime]
_is_unwritten = ContextVar("is_unwritten", default=False)
# The details that each kind of change needs to be applied again; None means all of them.
RESTRICTIONS: dict[str, frozenset[str] | None] = {
    Event.TOKEN_REVOKED: None,
    Event.TOKEN_PAUSED: None,
    # A resume restricts nothing, but without it a restore would pause the token again.
    Event.TOKEN_RESUMED: None,
    Event.TOKEN_ROTATED: None,
    Event.TOKEN_OVERLAP_ENDED: None,
    # Edits in the other direction too: only the last list says what was allowed in the end.
    Event.TOKEN_EDITED: frozenset({"allowed_networks", "limits", "report_only", "expires_at"}),
    Event.USER_REMOVED: None,
    Event.ROLE_CHANGED: None,
    Event.USER_PASSWORD_RESET: None,
    Event.PERSON_ERASED: None,
    Event.ACCOUNT_CLOSED: None,
}


@dataclass(frozen=True)
class Change:
    """A restricting change, as the audit trail recorded it: `event_id` and `at` identify its event.

    `is_certain` is false if nothing says that it was committed.
    """

    event_id: int
    at: datetime
    event: str
    account_id: str | None
    subject_id: str
    actor: str
    details: Mapping[str, object]
    is_certain: bool = True

    @property
    def key(self) -> Key:
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


@contextmanager
def unwritten() -> Iterator[None]:
    """Write nothing for changes that are certain to be rolled back: a restore would name them as unsure."""
    before = _is_unwritten.set(True)
    try:
        yield
    finally:
        _is_unwritten.reset(before)


def note(events: Iterable[AuditEvent]) -> None:
    """Append the restricting changes among the events, and confirm them once they are committed.

    Call it in the transaction that stores the events. No committed change lacks its first line. If the journal can't be
    written, the change still takes place: a full disk must not keep a leaked token alive.
    """
    changes = [change for change in map(change_of, events) if change]
    if not changes or _is_unwritten.get():
        return
    try:
        append(settings.JOURNAL, map(begun, changes), now=changes[0].at)
    except OSError as error:
        complain("a restore will not know of this change", error)
        return
    transaction.on_commit(partial(confirm, [change.key for change in changes]))


def confirm(keys: Iterable[Key]) -> None:
    """Append that these changes were committed. Never raises, because they can't be undone."""
    keys = list(keys)
    try:
        append(settings.JOURNAL, [{"confirmed": [[event_id, at.isoformat()] for event_id, at in keys]}], now=keys[0][1])
    except OSError as error:
        complain("a restore will name this change, and not apply it", error)


def begun(change: Change) -> dict[str, object]:
    """Return the line of a change before it is committed."""
    said = {name: value for name, value in vars(change).items() if name != "is_certain"}
    return said | {"at": change.at.isoformat(), "pending": True}


def complain(consequence: str, error: OSError) -> None:
    reason = error.strerror or type(error).__name__
    log.error("the revocation journal %s can't be written (%s): %s", settings.JOURNAL, reason, consequence)


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


def append(path: Path, documents: Iterable[Mapping[str, object]], *, now: datetime) -> None:
    """Append lines and sync them to disk. Raises OSError."""
    data = b"".join(map(line, documents))
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
    # The second line of a change may be in the next file.
    confirmed = {key for each in found for key in each.confirmed}
    changes = {change.key: change for each in found for change in each.changes}
    judged = tuple(
        replace(change, is_certain=change.is_certain or change.key in confirmed) for change in changes.values()
    )
    begun_at = min(each.begun_at for each in found)
    return Journal(path, found[-1].host, begun_at, judged, sum(each.unreadable for each in found))


@dataclass(frozen=True)
class JournalFile:
    """One of the two files: its lines as they stand, and how many can't be read."""

    host: str
    begun_at: datetime
    changes: list[Change]
    confirmed: list[Key]
    unreadable: int


def read_file(path: Path) -> JournalFile:
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
    found = JournalFile(host, begun_at, [], [], 0)
    parsed = [parse(text) for text in others if text]
    for each in parsed:
        if isinstance(each, Change):
            found.changes.append(each)
        else:
            found.confirmed.extend(each or ())
    return replace(found, unreadable=parsed.count(None))


def parse(text: str) -> Change | list[Key] | None:
    """Return the change in a line, or the keys of confirmed ones; None for a line that is torn or damaged."""
    try:
        found = json.loads(text)
        if "confirmed" in found:
            return [(int(event_id), datetime.fromisoformat(at)) for event_id, at in found["confirmed"]]
        at = datetime.fromisoformat(found.pop("at"))
        # An earlier version wrote only one line, which counts.
        is_certain = not found.pop("pending", False)
        return Change(at=at, is_certain=is_certain, **found)
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
