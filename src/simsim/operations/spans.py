"""Spans of time as people type them."""

import re
from datetime import timedelta

from simsim.problem import FieldError, Invalid, gettext_noop

SPAN = re.compile(r"^([0-9]{1,6})([smhd])$", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_span(field: str, text: str) -> timedelta:
    """Return the span that `30m`, `24h`, `7d` or `0s` means; raise Invalid, naming the field, otherwise."""
    found = SPAN.match(text.strip())
    if found is None:
        raise Invalid(FieldError(field, gettext_noop("Give a time such as 30m, 24h or 7d.")))
    return timedelta(**{UNITS[found[2]]: int(found[1])})
