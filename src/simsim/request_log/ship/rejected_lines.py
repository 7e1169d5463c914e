"""The lines that are no lines of a log: how many there are, and what they look like, as far as that may be kept."""

from dataclasses import dataclass
from datetime import datetime

from simsim.pagination import newest
from simsim.request_log.models import SetAsideLine
from simsim.rfc3339 import format_time


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


def list_lines(limit: int = 50, cursor: str | None = None) -> tuple[list[SetAsideLine], str | None]:
    """Return one page, newest first, and the cursor of the next, None at the end; raise Invalid for a bad cursor."""
    return newest(SetAsideLine.objects.all(), limit=limit, cursor=cursor)


def document(line: SetAsideLine) -> dict[str, object]:
    """Return the line for a script: where it stood, and what of it was kept."""
    found_at = format_time(line.found_at, "microseconds")
    return {"id": line.pk, "found_at": found_at, "name": line.name, "offset": line.offset, "text": line.text}
