"""Pages of a list, and the cursors that lead from one page to the next."""

import re
from typing import TYPE_CHECKING, TypeVar

from simsim.problem import FieldError, Invalid, gettext_noop

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

MAX_ID = 2**63 - 1
INVALID_CURSOR = gettext_noop("This cursor is not valid for this list.")
Row = TypeVar("Row", bound="Model")
_is_cursor = re.compile(r"[0-9]{1,19}").fullmatch


def parse_cursor(cursor: str) -> int:
    """Return the id next to which the page begins. Raises Invalid for a bad cursor."""
    if not _is_cursor(cursor):
        raise Invalid(FieldError("cursor", INVALID_CURSOR))
    return min(int(cursor), MAX_ID)


def oldest(rows: "QuerySet[Row]", *, limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """Return a page like `newest`, but oldest first."""
    if cursor is not None:
        rows = rows.filter(pk__gt=parse_cursor(cursor))
    found = list(rows.order_by("pk")[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def newest(rows: "QuerySet[Row]", *, limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """Return the page that begins at the cursor, and the next page's cursor, None on the last page; raise Invalid."""
    if cursor is not None:
        rows = rows.filter(pk__lt=parse_cursor(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None
