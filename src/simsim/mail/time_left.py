"""The time until a token expires, as emails write it: in days, or in hours near its expiry."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

# The fact with the token's expiry. The time left depends on when the email is sent.
ENDS_AT = "ends_at"
IN_HOURS_BELOW = 48


def time_left(left: timedelta) -> dict[str, int]:
    """Return `days_left`, or `hours_left` below 48 hours; both 0 for less than half an hour."""
    hours = max(round(left / timedelta(hours=1)), 0)
    return {
        "days_left": round(hours / 24) if hours >= IN_HOURS_BELOW else 0,
        "hours_left": hours if hours < IN_HOURS_BELOW else 0,
    }


def ending(at: datetime) -> dict[str, str]:
    """Return the fact with the expiry, for an expiry notice."""
    return {ENDS_AT: at.astimezone(UTC).isoformat()}


def end_of(facts: Mapping[str, object]) -> datetime | None:
    """Return the expiry from an email's facts; None for another kind of email, or an older one."""
    at = facts.get(ENDS_AT)
    return datetime.fromisoformat(at) if isinstance(at, str) else None
