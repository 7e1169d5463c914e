"""What the gates have counted for tokens with a rate or a quota."""

from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings

from simsim.credential.rates import Usage
from simsim.gate.counters import FILE_NAME, Counters
from simsim.tokens.models import Token


def usage_of(token: Token, now: datetime) -> Usage | None:
    """Return the counts of a token, or None if nothing is counted: it has no rate and no quota."""
    if not token.rates:
        return None
    try:
        return counters().usage(token.pk.bytes, now.timestamp())
    except OSError:  # the page matters more than the number
        return None


def counters() -> Counters:
    """Return the counts of this machine."""
    return _counters(settings.OPERATOR.spool_dir / FILE_NAME)


@cache
def _counters(path: Path) -> Counters:
    # One object for each process: to close a second one would drop the locks of the first.
    return Counters(path)
