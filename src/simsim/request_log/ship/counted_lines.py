"""The lines with which a gate reports refusals that it counted instead of logging them one by one."""

from datetime import datetime
from typing import NamedTuple

from simsim.gate.counted_refusals import MINUTE_SECONDS
from simsim.request_log.ship.lines import (
    MAX_BYTES,
    MAX_WORD_CHARACTERS,
    json_object,
    moment,
    optional,
    uuid_of,
    within,
)

MAX_NETWORK_CHARACTERS = 45


class CountedRefusal(NamedTuple):
    """Refusals of one reason in one minute, from a network ("" for several), which claimed an account ("" for none)."""

    minute: datetime
    network: str
    account: str
    reason: str
    number: int


class Counted(NamedTuple):
    """One report of a gate; `at` is its latest minute."""

    at: datetime
    refusals: tuple[CountedRefusal, ...]


def parse_counted(line: str) -> Counted | None:
    """Return a gate's report of the refusals that it counted, or None for any other line."""
    try:
        refusals = tuple(_refusal(*values) for values in json_object(line)["counted"])
        return Counted(max(each.minute for each in refusals), refusals)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _refusal(minute: float, network: str, account: str, reason: str, number: int) -> CountedRefusal:
    return CountedRefusal(
        moment(minute // MINUTE_SECONDS * MINUTE_SECONDS),
        optional(network, MAX_NETWORK_CHARACTERS) or "",
        uuid_of(account).hex if account else "",
        optional(reason, MAX_WORD_CHARACTERS) or "",
        int(within(number, MAX_BYTES)),
    )
