"""Days and times as people and programs write them to us: RFC 3339, and nothing else of ISO 8601."""

import re
from datetime import UTC, date, datetime

# datetime.fromisoformat takes weeks (2027-W05) and days without hyphens too, which nobody means who types them.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def parse_day(text: str) -> date | None:
    """Return the day that `2027-01-31` means, None for anything else. Never raises."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def parse_time(text: str) -> datetime | None:
    """Return the moment that `2027-01-31T12:00Z` means, in UTC; None for anything else. Never raises.

    The seconds may be missing, and a space may stand for the T. Without an offset it is returned as it is, naive:
    the caller knows whose time it is, or refuses it.
    """
    try:
        moment = datetime.fromisoformat(text.upper()) if _TIME.fullmatch(text) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
