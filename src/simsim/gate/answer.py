"""Every answer of the gate. Only `accept` answers a question about credentials with a 2xx."""

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from simsim.credential.decision import Reason, Record
from simsim.gate.worker_health import WorkerHealth
from simsim.problem import (
    MEDIA_TYPE,
    BeyondLimits,
    BeyondRate,
    NotFound,
    Problem,
    TooManyFailures,
    Unauthorized,
    Undecided,
)

ACCOUNT_HEADER = "X-Simsim-Account"
TOKEN_HEADER = "X-Simsim-Token"  # noqa: S105
TOKEN_NAME_HEADER = "X-Simsim-Token-Name"  # noqa: S105
REASON_HEADER = "X-Simsim-Reason"
REQUEST_HEADER = "X-Simsim-Request"
# Tells our gateway and middlewares to log nothing about a request that the gate has counted.
COUNTED_HEADER = "X-Simsim-Counted"
# In the last days of a token, the proxy hands this header to the caller. The API does not need it.
EXPIRES_HEADER = "X-Simsim-Token-Expires"
LET_IN = 204
ANNOUNCED_SECONDS = 14 * 86_400.0
# The headers in which the gate describes a request. A proxy must remove them all from the client's request.
IDENTITY_HEADERS = (ACCOUNT_HEADER, TOKEN_HEADER, TOKEN_NAME_HEADER)

CHALLENGE = 'Basic realm="simsim", charset="UTF-8"'
RETRY_AFTER_SECONDS = 1
_is_plain = re.compile(r"[A-Za-z0-9_.~ -]*").fullmatch
CACHE_SIZE = 8 * 1024  # caches texts, never decisions


class Answer(NamedTuple):
    """One HTTP answer. Header names are in lower case, for HTTP/2 and for ASGI.

    One answer object is sent to many requests, so nothing in it may change.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def body_of(problem: Problem) -> bytes:
    """Return the bytes that the gate sends for a problem."""
    return json.dumps(problem.document(), separators=(",", ":")).encode()


UNAUTHORIZED_BODY = body_of(Unauthorized())
BEYOND_LIMITS_BODY = body_of(BeyondLimits())
BEYOND_RATE_BODY = body_of(BeyondRate())
UNDECIDED_BODY = body_of(Undecided())
THROTTLED_BODY = body_of(TooManyFailures())
NOT_FOUND_BODY = body_of(NotFound())

_ACCOUNT, _TOKEN, _TOKEN_NAME = (name.lower() for name in IDENTITY_HEADERS)
_EXPIRES = EXPIRES_HEADER.lower()
_NO_STORE = ("cache-control", "no-store")
_PROBLEM = (("content-type", MEDIA_TYPE), _NO_STORE)
_RETRY_AFTER = ("retry-after", str(RETRY_AFTER_SECONDS))


def accept(record: Record, *, announces: bool = False) -> Answer:
    """Return the answer that lets a request in and names its sender. It always includes every identity header.

    With `announces`, it also says when the token expires.
    """
    return _acceptance(record.account_id, record.token_id, record.name, record.expires_at if announces else None)


@lru_cache(maxsize=CACHE_SIZE)
def _acceptance(account_id: str, token_id: str, name: str, expires_at: datetime | None) -> Answer:
    # Percent-encode the name: it may contain any printable character, but a header may contain only ASCII. Most names
    # consist of words and spaces; for them, quote() would take longer than the verdict.
    encoded = name.replace(" ", "%20") if _is_plain(name) else quote(name, safe="")
    told = () if expires_at is None else ((_EXPIRES, f"{expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"),)
    return Answer(LET_IN, ((_ACCOUNT, account_id), (_TOKEN, token_id), (_TOKEN_NAME, encoded), *told, _NO_STORE), b"")


def naming(said: Answer, request_id: str) -> Answer:
    """Return an answer that also states the request's id, for a proxy that logs no id of its own."""
    return Answer(said.status, (*said.headers, (REQUEST_HEADER.lower(), request_id)), said.body)


def refuse(reason: Reason) -> Answer:
    """Return the refusal; the proxy logs the header with the reason and drops it.

    Its body is the same for every reason except LIMIT, which only a caller with a token's password can meet.
    """
    return _REFUSALS[reason]


def _refusal(reason: Reason) -> Answer:
    told = (REASON_HEADER.lower(), reason.value)
    if reason is Reason.LIMIT:
        return Answer(403, (*_PROBLEM, told), BEYOND_LIMITS_BODY)
    headers = (*_PROBLEM, ("www-authenticate", CHALLENGE), told)
    return Answer(401, headers, UNAUTHORIZED_BODY)


_REFUSALS: dict[Reason, Answer] = {reason: _refusal(reason) for reason in Reason if reason is not Reason.OK}
_COUNTED = (COUNTED_HEADER.lower(), "1")
_COUNTED_REFUSALS = {reason: said._replace(headers=(*said.headers, _COUNTED)) for reason, said in _REFUSALS.items()}


def counted(reason: Reason) -> Answer:
    """Return the refusal of a request that is counted instead of being logged."""
    return _COUNTED_REFUSALS[reason]


def is_counted(said: Answer) -> bool:
    return _COUNTED in said.headers


@lru_cache(maxsize=CACHE_SIZE)
def throttle(seconds: int, *, is_counted: bool = False) -> Answer:
    """Return the answer to a failure after too many others, with the time until the next failure gets a 401 again."""
    headers = (*_PROBLEM, ("retry-after", str(seconds)), (REASON_HEADER.lower(), Reason.THROTTLED.value))
    return Answer(429, (*headers, _COUNTED) if is_counted else headers, THROTTLED_BODY)


@lru_cache(maxsize=CACHE_SIZE)
def exceed(name: str, seconds: int, policy: str) -> Answer:
    """Return the answer to a request that is one too many, in the fields of draft-ietf-httpapi-ratelimit-headers.

    `name` is the limit in the policy that was reached, and `seconds` the time until it lets the next request in.
    """
    told = (("ratelimit", f'"{name}";r=0;t={seconds}'), ("ratelimit-policy", policy))
    reason = (REASON_HEADER.lower(), Reason.THROTTLED.value)
    return Answer(429, (*_PROBLEM, ("retry-after", str(seconds)), *told, reason), BEYOND_RATE_BODY)


_UNDECIDED_HEADERS = (*_PROBLEM, _RETRY_AFTER, (REASON_HEADER.lower(), Reason.UNAVAILABLE.value))
UNDECIDED = Answer(503, _UNDECIDED_HEADERS, UNDECIDED_BODY)
NOT_FOUND = Answer(404, _PROBLEM, NOT_FOUND_BODY)
_JSON = (("content-type", "application/json"), _NO_STORE)
# Names nobody, so no middleware takes it for the answer that lets a request in.
TAKEN = Answer(204, (_NO_STORE,), b"")
HEALTHY = Answer(200, _JSON, b'{"status":"ok"}')


def ready(worker: WorkerHealth) -> Answer:
    """Return the readiness answer of a gate that can decide. The worker's health is in the body and never changes the
    status.

    A load balancer must not take the API out of service because an email is late.
    """
    told = {
        "status": "ok" if worker.is_good else "degraded",
        "worker": worker.document(),
        "other_nodes": worker.other_documents(),
    }
    return Answer(200, _JSON, json.dumps(told, separators=(",", ":")).encode())
