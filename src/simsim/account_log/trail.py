"""The audit trail of an account, for the people who may read it (B6)."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.db import transaction

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit import pages, recorder
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.audit.pages import EventPage
from simsim.audit.selectors import AuditFilters, condition_of, document
from simsim.request_log.search.export import Format, cell, csv_lines
from simsim.rfc3339 import format_time

COLUMNS = (
    "id", "at", "event", "actor", "subject_id", "details", "door", "address", "os_user", "account_id", "number", "mac",
)  # fmt: skip


def events_of(
    account: Account, *, actor: Actor, filters: AuditFilters, limit: int = 50, cursor: str | None = None
) -> EventPage:
    """Return one page of the account's events that match the filters, newest first; the filters' account is ignored.

    Raises NotFound or NotPermitted, and Invalid for an unknown event or an invalid cursor.
    """
    permit(actor, Permission.VIEW_TRAIL, account)
    return pages.page_of(dataclasses.replace(filters, account_id=account.pk), limit=limit, cursor=cursor)


@transaction.atomic
def export_trail(
    account: Account, *, actor: Actor, filters: AuditFilters, form: Format, now: datetime
) -> Iterator[bytes]:
    """Record the export, and return the file: all the account's events that match the filters, newest first.

    The export's own event is part of it, if it matches. Raises NotFound or NotPermitted at once, and Invalid for an
    unknown event.
    """
    permit(actor, Permission.VIEW_TRAIL, account)
    condition_of(filters)
    details = {"format": form.value, "filters": audited(filters)}
    recorder.record(
        Event.AUDIT_EXPORTED, actor=actor, account_id=account.pk, subject_id=account.pk, details=details, now=now
    )
    return written(pages.pieces_of(dataclasses.replace(filters, account_id=account.pk)), form)


def audited(filters: AuditFilters) -> dict[str, str]:
    """Return the filters that are set, as the audit trail records them."""
    found = {name: value for name, value in vars(filters).items() if value and name != "account_id"}
    return {name: format_time(value) if isinstance(value, datetime) else str(value) for name, value in found.items()}


def written(pieces: Iterable[Sequence[AuditEvent]], form: Format) -> Iterator[bytes]:
    """Yield the file in UTF-8, one part for each piece; the heading of a CSV file comes with the first."""
    heading = csv_lines([COLUMNS]) if form is Format.CSV else b""
    for piece in pieces:
        documents = [document(event) for event in piece]
        if form is Format.CSV:
            yield heading + csv_lines([as_cell(each[name]) for name in COLUMNS] for each in documents)
        else:
            yield "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in documents).encode()
        heading = b""


def as_cell(value: object) -> str:
    return cell(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value)
