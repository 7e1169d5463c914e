"""Which requests are sent again, and after how long a pause. Does no I/O and reads no clock."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

# Before the server acted: it counts requests before anything else (429).
NOT_CARRIED_OUT = frozenset({429})
TEMPORARY = frozenset({429, 502, 503, 504})
UNDER_WAY = "request-under-way"
FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Retries:
    """How often a request is sent, and for how many seconds at most the client waits before it sends it again."""

    max_attempts: int = 5
    max_pause_seconds: float = 60.0

    def pause(self, attempt: int, retry_after_seconds: float | None) -> float | None:
        """Return the seconds to wait after this attempt, counted from 1; None to give up.

        A server that asks for a longer wait than we are willing to make gets no other request.
        """
        if attempt >= self.max_attempts:
            return None
        if retry_after_seconds is not None:
            return retry_after_seconds if retry_after_seconds <= self.max_pause_seconds else None
        # Spread: clients that failed together must not come back together.
        longest = min(self.max_pause_seconds, FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret


def is_repeatable(method: str, *, has_key: bool, if_match: str | None) -> bool:
    """Whether the request may have been carried out already and still be sent again (RFC 9110, section 9.2.2).

    With an entity tag it may not: if the first one changed the thing, the second would be told that somebody else did.
    """
    if method in {"GET", "HEAD", "DELETE"}:
        return True
    if method == "PUT":
        return if_match in {None, "*"}
    return method == "POST" and has_key


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110, section 10.2.3), None without a readable one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None
