"""How long a token still lives, as a mail says it: in days, or in hours near its end."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

# The fact that says when the token ends. How long that is hangs on when the mail is sent.
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
    """Return the fact that a mail about the end of a token carries."""
    return {ENDS_AT: at.astimezone(UTC).isoformat()}


def end_of(facts: Mapping[str, object]) -> datetime | None:
    """Return when the token of a mail ends, None where the mail does not say: it is of another kind, or older."""
    at = facts.get(ENDS_AT)
    return datetime.fromisoformat(at) if isinstance(at, str) else None
