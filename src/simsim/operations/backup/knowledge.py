"""What is known about the time since a backup: from the journals, and from the old database's own audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections

from simsim.audit import journal
from simsim.audit.journal import Change, Journal
from simsim.audit.models import AuditEvent
from simsim.problem import Unusable

# All that a change needs: the old database may be of an earlier version, which has no others.
COLUMNS = ("at", "event", "account_id", "actor_label", "subject_id", "details")


@dataclass(frozen=True)
class Knowledge:
    """The changes that were found, where they were found, and sentences about what can't be known."""

    changes: list[Change]
    sources: list[str]
    gaps: list[str]


def gather(given: Sequence[Path], manifest: Mapping[str, Any], *, with_old_trail: bool = True) -> Knowledge:
    """Read the given journals and this machine's, and the audit trail in the old database if it can be read.

    Raises Unusable for a given journal that can't be read.
    """
    at = datetime.fromisoformat(manifest["at"])
    journals = [journal.read(path) for path in given]
    own, gaps = settings.JOURNAL, []
    if own.exists() and own.resolve() not in {path.resolve() for path in given}:
        try:
            journals.append(journal.read(own))
        except Unusable as problem:
            gaps.append(str(problem))
    trail = old_trail(manifest) if with_old_trail else None
    changes = [change for each in journals for change in each.changes] + (trail or [])
    sources = [source(each) for each in journals]
    if trail is not None:
        sources.append("the audit trail of the database that was replaced")
    else:
        gaps += gaps_of(journals, at, manifest["hosts"])
    return Knowledge(changes, sources, gaps)


def gaps_of(journals: Sequence[Journal], at: datetime, hosts: Sequence[str]) -> list[str]:
    """Return a sentence for each part of the time since the backup that no journal covers."""
    since = f"since {at:%Y-%m-%d %H:%M:%S} UTC"
    if not journals:
        return [f"There is no revocation journal, so tokens that were revoked {since} may work again"]
    gaps = [
        f"The journal {each.path} begins on {each.begun_at:%Y-%m-%d at %H:%M:%S} UTC: changes before that are unknown"
        for each in journals
        if each.begun_at > at
    ]
    gaps += [f"{each.unreadable} lines of {each.path} can't be read" for each in journals if each.unreadable]
    if silent := sorted(set(hosts) - {each.host for each in journals}):
        gaps.append(
            f"No revocation journal of {', '.join(silent)} was given: anything revoked there {since} is unknown"
        )
    return gaps


def source(found: Journal) -> str:
    last = max((change.at for change in found.changes), default=None)
    until = f"its last change was on {last:%Y-%m-%d at %H:%M:%S} UTC" if last else "it has no changes"
    return f"the journal of {found.host} ({found.path}), begun on {found.begun_at:%Y-%m-%d at %H:%M:%S} UTC; {until}"


def old_trail(manifest: Mapping[str, Any]) -> list[Change] | None:
    """Return the restricting changes in the database that will be replaced; None if it isn't the one of the backup."""
    try:
        newest = manifest["newest_event"]
        found = AuditEvent.objects.filter(event__in=journal.RESTRICTIONS).only(*COLUMNS)
        if newest and not AuditEvent.objects.filter(pk=newest[0], at=datetime.fromisoformat(newest[1])).exists():
            return None
        later = found.filter(pk__gt=newest[0]) if newest else found
        return [change for change in map(journal.change_of, later) if change]
    except DatabaseError:  # there is none, or it is damaged
        return None
    finally:
        connections.close_all()
