"""The lines of a spool, parsed into values that either database can store as they are."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from simsim.credential.password import MASKED, mask
from simsim.gate.address import MAX_VIA_CHARACTERS
from simsim.gate.decided_line import MAX_METHOD_CHARACTERS, MAX_PATH_CHARACTERS
from simsim.gate.decision_times import BOUNDS
from simsim.gate.request_id import is_request_id
from simsim.request_log.row_ids import EPOCH

LATEST_SECONDS = 9_000_000_000  # the year 2255, the latest that a row id can hold
MAX_SECONDS = 10 * 365 * 86_400
MAX_BYTES = 2**62
MAX_NAME_CHARACTERS = 200
MAX_WORD_CHARACTERS = 32
MAX_ADDRESS_CHARACTERS = 45
MAX_SET_ASIDE_CHARACTERS = 2048

uuid_of = lru_cache(maxsize=16_384)(uuid.UUID)
# nginx writes 000 when it has no status, which is not valid JSON.
_zeros_before_a_number = re.compile(r'(?<="status":)0+(?=[0-9])')
# A broken line may hold the first half of a password, and that must not be stored either.
_like_half_a_password = re.compile(r"sim(?:_|%5f)[0-9a-z]{6,}", re.IGNORECASE | re.ASCII)
# A proxy's line may contain headers and queries: every value that may be a secret is removed, up to its end.
_query = re.compile(r"\?[^\s\"]+")
_credentials = re.compile(r"\b(basic|bearer|digest|negotiate)\s+[^\s\",\]}]+", re.IGNORECASE)
_telling_field = re.compile(
    r"(\"[^\"]*(?:authorization|cookie|secret|passw|api[-_]?key)[^\"]*\"\s*:\s*\[?\s*)\"(?:[^\"\\]|\\.)*", re.IGNORECASE
)


class Decided(NamedTuple):
    """The gate's decision on a request, and when the request came."""

    request_id: str
    at: datetime
    reason: str
    cause: str
    account_id: uuid.UUID | None
    token_id: uuid.UUID | None
    token_name: str | None
    method: str
    resource: str
    address: str | None
    via: str | None = None


class Completed(NamedTuple):
    """The end of a request: `bytes` is the size of the body that was sent; `status` is None when the client got no
    status.

    With `is_preflight`, the request was let through without a decision, as a browser's question about CORS.
    With `needs_decision`, the proxy also serves requests that do not pass a gate, so an end without a decision is
    dropped. With `from_node`, another machine's gate may have decided, whose lines arrive later.
    """

    request_id: str
    at: datetime
    seconds: float
    status: int | None
    bytes: int
    method: str
    resource: str
    address: str | None
    needs_decision: bool = False
    is_preflight: bool = False
    from_node: bool = False


class Missed(NamedTuple):
    """Requests that got 503 because a gate could not log its decisions, or because a node could not ask a gate.

    `at` is the time of the last one.
    """

    gap_id: str
    requests: int
    began_at: datetime
    at: datetime


class Timed(NamedTuple):
    """How long decisions of a gate took: how many in each class of `decision_times.BOUNDS`, and their sum."""

    at: datetime
    counts: tuple[int, ...]
    seconds: float


def parse_gate_line(line: str) -> Decided | Missed | Timed | None:
    """Return a parsed line of a gate, or None for any other line."""
    return parse_decided(line) or parse_missed(line) or parse_timed(line)


def is_optional(line: str) -> bool:
    """Whether a line of an unknown kind says that a worker which does not know it may skip it.

    A newer gate writes such lines during an upgrade. A line that must not be lost does not say so, and is set aside.
    """
    try:
        return json_object(line).get("optional") is True
    except (ValueError, RecursionError):
        return False


def parse_timed(line: str) -> Timed | None:
    """Return a gate's report of how long its decisions took, or None for any other line."""
    try:
        found = json_object(line)
        counts = tuple(int(within(number, MAX_BYTES)) for number in found["took"])
        known = Timed(moment(found["at"]), counts, within(found["seconds"], MAX_BYTES))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    return known if len(counts) == len(BOUNDS) + 1 else None


def parse_missed(line: str) -> Missed | None:
    """Return a gate's report of decisions that it could not log, or None for any other line."""
    try:
        found = json_object(line)
        return Missed(
            gap_id=_request_id(found["id"]),
            requests=int(within(found["gap"], MAX_BYTES)),
            began_at=moment(found["from"]),
            at=moment(found["until"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def parse_decided(line: str) -> Decided | None:
    """Return the decision in a gate's line, or None for any other line."""
    try:
        found = json_object(line)
        return Decided(
            request_id=_request_id(found["id"]),
            at=moment(found["at"]),
            reason=_text(found["reason"], MAX_WORD_CHARACTERS),
            cause=_text(found["cause"], MAX_WORD_CHARACTERS),
            account_id=_uuid(found["account"]),
            token_id=_uuid(found["token"]),
            token_name=optional(found["name"], MAX_NAME_CHARACTERS),
            method=masked(found["method"], MAX_METHOD_CHARACTERS),
            resource=masked(found["path"], MAX_PATH_CHARACTERS),
            address=optional(found["address"], MAX_ADDRESS_CHARACTERS),
            via=optional(found.get("via"), MAX_VIA_CHARACTERS),  # a gate from before an upgrade omits it
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def parse_completed(line: str) -> Completed | None:
    """Return the end of a request from a gateway's line, or None for any other line."""
    try:
        found = json_object(line)
        status = int(within(found["status"], 999))
        return Completed(
            request_id=_request_id(found["id"]),
            at=moment(found["at"]),
            seconds=within(found["seconds"], MAX_SECONDS),
            status=status if status >= 100 else None,
            bytes=int(within(found["bytes"], MAX_BYTES)),
            method=masked(found["method"], MAX_METHOD_CHARACTERS),
            resource=masked(found["path"].partition("?")[0], MAX_PATH_CHARACTERS),
            address=optional(found["address"], MAX_ADDRESS_CHARACTERS),
            needs_decision=found.get("needs_decision") is True,  # only `completed_line` writes it
            is_preflight=found.get("is_preflight") is True,
            from_node=found.get("from_node") is True,  # only `completed_line` writes it
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def parse_node_line(line: str) -> Completed | Missed | None:
    """Return what a node tells of a request's end, or of requests about which it could not ask; None for any other.

    A node sends a line again until it knows that it has arrived. So an end counts only together with its decision,
    which can have one end, and a report of missed requests only once under its id.
    """
    end = parse_completed(line)
    return parse_missed(line) if end is None else end._replace(needs_decision=True, from_node=True)


def set_aside_text(line: str) -> str:
    """Return the part of a broken line that may be stored: without passwords, credentials and queries."""
    line = _like_half_a_password.sub(MASKED, mask(line[: 2 * MAX_SET_ASIDE_CHARACTERS]))
    line = _telling_field.sub(r'\1"***', line)
    line = _credentials.sub(r"\1 ***", line)
    return _storable(_query.sub("?***", line))[:MAX_SET_ASIDE_CHARACTERS]


def json_object(line: str) -> dict[str, Any]:
    try:
        found, end = _decode(line)
    except ValueError:
        line = _zeros_before_a_number.sub("", line)
        found, end = _decode(line)
    if end != len(line) or not isinstance(found, dict):
        raise ValueError
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


# Refuse NaN and Infinity, which no database accepts as a duration.
_decode = json.JSONDecoder(parse_constant=_no_number).raw_decode


def _request_id(value: Any) -> str:
    if not isinstance(value, str) or not is_request_id(value):
        raise ValueError
    return value


def within(value: Any, most: int) -> float:
    """Return a number from 0 to `most`, given as a number or, as some proxies write it, in quotes."""
    number = value if isinstance(value, int | float) else float(value)
    if not 0 <= number <= most:
        raise ValueError
    return number


def moment(value: Any) -> datetime:
    return datetime.fromtimestamp(within(value, LATEST_SECONDS), UTC)


def _uuid(value: Any) -> uuid.UUID | None:
    return None if value is None else uuid_of(value)


def optional(value: Any, longest: int) -> str | None:
    return None if value is None else _text(value, longest)


def _text(value: Any, longest: int) -> str:
    # This check is enough for most texts. A number or a list has no such method, so its line is refused.
    plain: bool = value.isascii() and "\0" not in value
    return (value if plain else _storable(value))[:longest]


def masked(value: str, longest: int) -> str:
    # Mask before the final cut, because the first part of a password would match no pattern. Cut once before masking as
    # well, because masking a long text is slow.
    return _text(mask(value[: 2 * MAX_PATH_CHARACTERS]), longest)


def _storable(text: str) -> str:
    """Return the text without characters that a database refuses: one line with such a text would block the rest."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def completed_line(end: Completed) -> str:
    """Return the line from which `parse_completed` reads this end."""
    fields = end._asdict()
    at = (end.at - EPOCH) / timedelta(microseconds=1) / 1_000_000
    return json.dumps(
        {"id": fields.pop("request_id"), "path": fields.pop("resource"), **fields, "at": at, "status": end.status or 0}
    )
