"""A review and its rows as JSON, and as the files that auditors get."""

import json
from collections.abc import Iterable
from enum import StrEnum

from simsim.access_reviews.models import AccessReview, ReviewRow, ReviewSchedule
from simsim.access_reviews.selectors import Progress
from simsim.request_log.search.export import cell, csv_lines
from simsim.rfc3339 import format_time

FACTS = (
    "description", "software", "role", "scopes", "allowed_networks", "limits", "report_only", "status", "created_by",
    "created_at", "last_used_address", "requests_30_days", "requests_90_days", "times_shown",
)  # fmt: skip
COLUMNS = (
    "kind", "subject_id", "name", *FACTS, "last_used_at", "expires_at", "decision", "new_expires_at", "note",
    "decided_at", "decided_by",
)  # fmt: skip
SIGNED = ("id", "account_id", "started_at", "signed_off_at", "signed_off_by", "signed_off_name", "fingerprint")


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"


def document(review: AccessReview, progress: Progress) -> dict[str, object]:
    """Return a review with its numbers, without its rows."""
    return summary(review) | {"rows": progress.total, "open": progress.open, "decisions": progress.decided}


def summary(review: AccessReview) -> dict[str, object]:
    return {
        "id": str(review.pk),
        "account_id": str(review.account_id),
        "started_at": format_time(review.started_at),
        "started_by": review.started_by_label,
        "due_at": format_time(review.due_at),
        "signed_off_at": format_time(review.signed_off_at),
        "signed_off_by": review.signed_off_by_label or None,
        "signed_off_name": review.signed_off_name or None,
        "fingerprint": review.fingerprint or None,
    }


def row_document(row: ReviewRow) -> dict[str, object]:
    """Return a row: the snapshot and the decision. A fact that its kind does not have is null."""
    return {
        "id": str(row.pk),
        "kind": str(row.kind),
        "subject_id": row.subject_id,
        "name": row.name,
        **{name: row.facts.get(name) for name in FACTS},
        "last_used_at": format_time(row.last_used_at),
        "expires_at": format_time(row.expires_at),
        "decision": str(row.decision) or None,
        "new_expires_at": format_time(row.new_expires_at),
        "note": row.note,
        "decided_at": format_time(row.decided_at),
        "decided_by": row.decided_by_label or None,
    }


def whole(review: AccessReview, rows: Iterable[ReviewRow]) -> dict[str, object]:
    """Return everything about a review, as the JSON file has it, and as its fingerprint covers it."""
    return summary(review) | {"account": review.account.name, "rows": [row_document(row) for row in rows]}


def file_of(review: AccessReview, rows: Iterable[ReviewRow], form: FileFormat) -> bytes:
    """Return the file for auditors: one JSON document, or a table whose every line names the sign-off."""
    if form is FileFormat.JSON:
        return json.dumps(whole(review, rows), ensure_ascii=False, indent=1).encode() + b"\n"
    about = summary(review)
    signed = [cell(about[name]) for name in SIGNED]
    heading = [*COLUMNS, *(f"review_{name}" for name in SIGNED)]
    lines = ([*(as_cell(found[name]) for name in COLUMNS), *signed] for found in map(row_document, rows))
    return csv_lines([heading, *lines])


def as_cell(value: object) -> str:
    return cell(", ".join(map(str, value)) if isinstance(value, list) else value)


def schedule_document(schedule: ReviewSchedule) -> dict[str, object]:
    return {"every": str(schedule.every), "next_at": format_time(schedule.next_at)}
