"""Days and times as text in RFC 3339: parsed without the rest of ISO 8601, and formatted in UTC."""

import re
from datetime import UTC, date, datetime
from typing import Literal, overload

Precision = Literal["auto", "seconds", "microseconds"]
# datetime.fromisoformat also takes weeks (2027-W05) and days without hyphens, which are typing errors here.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def parse_day(text: str) -> date | None:
    """Return the day that a text such as `2027-01-31` means, or None for any other text. Never raises."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def parse_time(text: str) -> datetime | None:
    """Return the time, in UTC, that a text such as `2027-01-31T12:00Z` means, or None for any other text. Never raises.

    The seconds may be missing, and there may be a space instead of the T. A time without an offset is returned naive:
    the caller must know its time zone or refuse it.
    """
    try:
        moment = datetime.fromisoformat(text.upper()) if _TIME.fullmatch(text) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


@overload
def format_time(moment: datetime, precision: Precision = "auto") -> str: ...
@overload
def format_time(moment: datetime | None, precision: Precision = "auto") -> str | None: ...
def format_time(moment: datetime | None, precision: Precision = "auto") -> str | None:
    """Return an aware time in UTC, such as `2027-01-31T12:00:00Z`; None for None.

    With the precision `auto`, microseconds are written unless they are zero.
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z") if moment else None
