"""The lines that could not be parsed: how many there are, and their masked text."""

from dataclasses import dataclass
from datetime import datetime

from simsim.pagination import newest
from simsim.request_log.models import SetAsideLine
from simsim.rfc3339 import format_time


@dataclass(frozen=True)
class Summary:
    """The number of lines set aside, when the first and the last were found, and the position of the last."""

    lines: int
    first_at: datetime
    last_at: datetime
    name: str
    offset: int


def summary() -> Summary | None:
    """Return the summary of the lines set aside within the retention time, or None if there are none."""
    last = SetAsideLine.objects.order_by("-pk").first()
    first = SetAsideLine.objects.order_by("pk").first()
    if last is None or first is None:
        return None
    return Summary(SetAsideLine.objects.count(), first.found_at, last.found_at, last.name, last.offset)


def list_lines(limit: int = 50, cursor: str | None = None) -> tuple[list[SetAsideLine], str | None]:
    """Return one page, newest first, and the cursor of the next page, or None at the end.

    Raises Invalid for a bad cursor.
    """
    return newest(SetAsideLine.objects.all(), limit=limit, cursor=cursor)


def document(line: SetAsideLine) -> dict[str, object]:
    """Return the line as JSON: its position, and its masked text."""
    found_at = format_time(line.found_at, "microseconds")
    return {"id": line.pk, "found_at": found_at, "name": line.name, "offset": line.offset, "text": line.text}
