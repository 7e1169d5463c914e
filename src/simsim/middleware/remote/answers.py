"""The answers of a gate on another host: taken for one only if everything is there that a gate says. Does no I/O."""

from collections.abc import Iterable

from simsim.gate import answer
from simsim.gate.answer import COUNTED_HEADER, IDENTITY_HEADERS, LET_IN, REASON_HEADER, Answer

REFUSALS = frozenset({401, 403, 429, 503})
KEPT = frozenset({"content-type", "cache-control", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy"})
OURS = "x-simsim-"
IDENTITY = frozenset(name.lower() for name in IDENTITY_HEADERS)
REASON = REASON_HEADER.lower()
# The gate was not asked, so it can't have decided: like a counted refusal, the request gets no line of its end.
AWAY = answer.UNDECIDED._replace(headers=(*answer.UNDECIDED.headers, (COUNTED_HEADER.lower(), "1")))


def answer_of(
    status: int, headers: Iterable[tuple[str, str]], body: bytes, *, is_preflight: bool = False
) -> Answer | None:
    """Return the gate's answer, or None for what no gate says, such as a success that names nobody."""
    kept = tuple((name.lower(), value) for name, value in headers if is_kept(name.lower()) and value.isascii())
    names = [name for name, _ in kept]
    is_identified = all(names.count(name) == 1 for name in IDENTITY)
    if status == LET_IN:
        return Answer(status, kept, b"") if is_identified or is_preflight else None
    return Answer(status, kept, body) if status in REFUSALS and REASON in names else None


def is_kept(name: str) -> bool:
    return name in KEPT or name.startswith(OURS)
