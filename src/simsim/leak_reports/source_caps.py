"""How many passwords may be reported without a signature from one address; each server process counts for itself."""

import time
from collections import OrderedDict
from threading import Lock

from simsim.credential.allowlist import Address
from simsim.gate.address import site_of
from simsim.problem import TooManyRequests

MAX_REPORTS = 20
WINDOW_SECONDS = 600.0
MAX_SITES = 10_000
_counts: "OrderedDict[bytes, tuple[float, int]]" = OrderedDict()
_lock = Lock()


def count_report(address: Address | None) -> None:
    """Count a report from the address (IPv6: from its /64); raise TooManyRequests if it is one too many."""
    site = b"" if address is None else site_of(address)
    now = time.monotonic()
    with _lock:
        began, used = _counts.get(site, (now, 0))
        if now - began >= WINDOW_SECONDS:
            began, used = now, 0
        _counts[site] = (began, used + 1)
        _counts.move_to_end(site)
        if len(_counts) > MAX_SITES:
            _counts.popitem(last=False)
    if used >= MAX_REPORTS:
        raise TooManyRequests


def forget() -> None:
    """Start all counts again."""
    with _lock:
        _counts.clear()
