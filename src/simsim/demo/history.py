"""A month of past requests with the sample tokens, so that the log and the usage page have content from the start."""

import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from simsim.credential.decision import Cause, Reason
from simsim.demo.traffic import ENTITIES, NAV_REPORT, TRANSACTIONS
from simsim.request_log.outcome import Outcome
from simsim.request_log.ship import insert
from simsim.request_log.ship.join import RequestRow

DAYS = 30
REFUSAL_BYTES = 26

# Values with their weights.
Weights = Mapping[str, int]
Verdict = tuple[Reason, Cause]
ACCEPTED: Verdict = (Reason.OK, Cause.OK)
NOT_ALLOWED: Verdict = (Reason.ADDRESS_NOT_ALLOWED, Cause.ADDRESS_NOT_ALLOWED)


@dataclass(frozen=True)
class Past:
    """The past of a sample token: its callers, their hours, and why the gate refuses it since it ended.

    `began_days` and `ended_days` are days ago; `per_hour` is the most requests in each of the `hours`. Requests from
    `strangers`, which the allowlist doesn't contain, are refused.
    """

    began_days: int
    hours: range
    per_hour: int
    addresses: Weights
    paths: Weights
    ended_days: int = 0
    end: Verdict = ACCEPTED
    weekends: bool = True
    strangers: frozenset[str] = frozenset()


FUND, CLOSED_FUND = f"{ENTITIES}/1001", f"{ENTITIES}/1009"
# The sample API's answers to these paths, all others being 200.
FAILURES = {NAV_REPORT: 500, CLOSED_FUND: 404}
PASTS = {
    "dashboards": Past(
        88, range(5, 20), 5, {"192.0.2.12": 60, "192.0.2.13": 35, "203.0.113.61": 5, "2001:db8:4::61": 2},
        {ENTITIES: 8, FUND: 4, f"{FUND}/prices": 4, f"{ENTITIES}/1002/prices": 4, NAV_REPORT: 1},
        weekends=False,
    ),
    "loader": Past(
        44, range(2, 3), 40, {"203.0.113.40": 1}, {TRANSACTIONS: 6, ENTITIES: 2, f"{ENTITIES}/1003/prices": 2}
    ),
    "allowlisted": Past(
        12, range(7, 18), 2, {"198.51.100.23": 10, "198.51.100.57": 6, "2001:db8:17::2a": 4, "203.0.113.118": 2},
        {ENTITIES: 5, f"{FUND}/prices": 3, CLOSED_FUND: 1},
        weekends=False, strangers=frozenset({"203.0.113.118"}),
    ),
    "expired": Past(
        45, range(4, 5), 8, {"203.0.113.41": 1}, {ENTITIES: 2, TRANSACTIONS: 1},
        ended_days=15, end=(Reason.EXPIRED, Cause.EXPIRED),
    ),
    "revoked": Past(
        20, range(24), 1, {"192.0.2.201": 1}, {ENTITIES: 1, FUND: 1},
        ended_days=3, end=(Reason.REVOKED, Cause.REVOKED),
    ),
}  # fmt: skip


def store_past(account_id: uuid.UUID, tokens: Mapping[str, tuple[str, str]], now: datetime) -> None:
    """Store the requests of the last DAYS days for the tokens of PASTS; each token is an id and a name."""
    chance = random.Random(7)  # noqa: S311 - not for secrets; the seed makes the month the same in every demo
    rows = [
        row._replace(account_id=account_id, token_id=uuid.UUID(token_id), token_name=name)
        for key, (token_id, name) in tokens.items()
        for row in _requests(chance, PASTS[key], now)
    ]
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        insert.store(sorted(rows, key=lambda row: row.received_at))


def _requests(chance: random.Random, past: Past, now: datetime) -> Iterator[RequestRow]:
    """Yield a token's requests, up to an hour ago; later requests are real."""
    began, ended = now - timedelta(days=past.began_days), now - timedelta(days=past.ended_days)
    for at in _moments(chance, past, now):
        address = _one_of(chance, past.addresses)
        if at >= ended:
            verdict = past.end
        elif address in past.strangers:
            verdict = NOT_ALLOWED
        else:
            verdict = ACCEPTED
        if at >= began:
            yield _row(chance, at, _one_of(chance, past.paths), address, verdict)


def _moments(chance: random.Random, past: Past, now: datetime) -> Iterator[datetime]:
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for hours_ago in range(2, DAYS * 24):
        hour = this_hour - timedelta(hours=hours_ago)
        if hour.hour in past.hours and (past.weekends or hour.weekday() < 5):
            for _ in range(chance.randint(past.per_hour // 2, past.per_hour)):
                yield hour + timedelta(seconds=chance.random() * 3600)


def _row(chance: random.Random, at: datetime, path: str, address: str, verdict: Verdict) -> RequestRow:
    reason, cause = verdict
    is_refused = reason != Reason.OK
    return RequestRow(
        received_at=at, account_id=None, token_id=None, token_name=None, method="GET", resource=path,
        status=401 if is_refused else FAILURES.get(path, 200),
        outcome=Outcome.REFUSED if is_refused else Outcome.ACCEPTED, reason=reason, cause=cause,
        duration_seconds=0.002 if is_refused else round(chance.lognormvariate(-2.6, 0.8), 4),
        bytes=REFUSAL_BYTES if is_refused else chance.randrange(300, 9000), address=address,
    )  # fmt: skip


def _one_of(chance: random.Random, weights: Weights) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
