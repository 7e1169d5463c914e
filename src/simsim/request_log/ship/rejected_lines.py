"""The lines that are no lines of a log: how many there are, and what they look like, as far as that may be kept."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.models import SetAsideLine

_is_cursor = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch


@dataclass(frozen=True)
class RejectedPage:
    items: list[SetAsideLine]
    next_cursor: str | None


@dataclass(frozen=True)
class Summary:
    """How many lines were set aside, when the first and the last of them, and where the last one stood."""

    lines: int
    first_at: datetime
    last_at: datetime
    name: str
    offset: int


def summary() -> Summary | None:
    """Return what was set aside, as long as it is kept; None for nothing."""
    last = SetAsideLine.objects.order_by("-pk").first()
    first = SetAsideLine.objects.order_by("pk").first()
    if last is None or first is None:
        return None
    return Summary(SetAsideLine.objects.count(), first.found_at, last.found_at, last.name, last.offset)


def list_lines(limit: int = 50, cursor: str | None = None) -> RejectedPage:
    """Return one page, newest first, and the cursor of the next, None at the end; raise Invalid for a bad cursor."""
    lines = SetAsideLine.objects.order_by("-pk")
    if cursor is not None:
        if not _is_cursor(cursor):
            raise Invalid(FieldError("cursor", gettext_noop("This cursor is not valid for this list.")))
        lines = lines.filter(pk__lt=int(cursor))
    found = list(lines[: limit + 1])
    return RejectedPage(found[:limit], str(found[limit - 1].pk) if len(found) > limit else None)


def document(line: SetAsideLine) -> dict[str, object]:
    """Return the line for a script: where it stood, and what of it was kept."""
    found_at = line.found_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"id": line.pk, "found_at": found_at, "name": line.name, "offset": line.offset, "text": line.text}
