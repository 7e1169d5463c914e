"""Rows of every kind, and every filter, to compare what ClickHouse finds with what the other databases find."""

import itertools
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from logged_requests import row
from simsim.credential.decision import Cause, Reason
from simsim.request_log.outcome import Outcome
from simsim.request_log.ship.join import RequestRow

ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)
TOKENS = [uuid.UUID(int=0x8000 << 112 | number) for number in range(7)]
MANY_TOKENS = frozenset(uuid.UUID(int=number) for number in range(600)) | {TOKENS[3]}
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
PATHS = [
    "/api/v2/entities", "/API/v2/entities", "/api/v2/entities/17", "/api/v2/entities/18", "/api/v2/entities/17/prices",
    "/größe/ä'\\%_*", "/größe", "/", "*", "/a\tb\nc", "/" + "x" * 2000, "/%d", "/\N{GRINNING FACE}/1",
]  # fmt: skip
ADDRESSES = ["203.0.113.9", "2001:db8::1", "198.51.100.7", None]
REFUSALS = [
    (Reason.EXPIRED, Cause.EXPIRED, 401),
    (Reason.REVOKED, Cause.REVOKED, 401),
    (Reason.LIMIT, Cause.LIMIT_METHOD, 403),
]


def made_rows(number: int, seed: int = 7) -> Iterator[RequestRow]:
    """Yield requests of 30 days in the order of their time. Many share a microsecond, and some have no account."""
    chance = random.Random(seed)
    at = FIRST
    for _ in range(number):
        if chance.random() < 0.9:
            at += timedelta(microseconds=int(chance.expovariate(number / (DAYS * 86_400e6))))
        yield made_row(chance, at)


def made_row(chance: random.Random, at: datetime) -> RequestRow:
    account = chance.choices([ACME, GLOBEX, None], [80, 15, 5])[0]
    token = chance.choice(TOKENS[:-1]) if account and chance.random() < 0.9 else None
    name = chance.choice(["reader", "Größe", ""])
    values: dict[str, Any] = {
        "received_at": at, "account_id": account, "token_id": token, "token_name": name if token else None,
        "method": chance.choice(["GET", "POST"]), "resource": chance.choice(PATHS),
        "address": chance.choices(ADDRESSES, [70, 20, 1, 9])[0], "bytes": chance.choice([0, 7, 2**40, None]),
        "via": chance.choice([None, "192.0.2.1"]),
    }  # fmt: skip
    ended: dict[str, Any]
    match chance.random():
        case dice if dice < 0.75:
            status = chance.choices([200, 204, 404, 500, None], [80, 10, 8, 1, 1])[0]
            ended = {"status": status, "outcome": Outcome.ACCEPTED, "duration_seconds": chance.expovariate(10)}
        case dice if dice < 0.95:
            reason, cause, status = chance.choice(REFUSALS)
            ended = {"status": status, "outcome": Outcome.REFUSED, "reason": reason, "cause": cause}
            ended["duration_seconds"] = chance.choice([0.002, None])
        case _:
            ended = {"status": None, "outcome": Outcome.UNKNOWN, "duration_seconds": None, "bytes": None}
    return row(**values | ended)


def single_filters() -> dict[str, list[Any]]:
    """Return the values with which to try each filter."""
    return {
        "since": [FIRST + timedelta(days=11), FIRST + timedelta(days=29, hours=23), FIRST + timedelta(days=99)],
        "until": [FIRST + timedelta(days=11, hours=7, microseconds=1), FIRST + timedelta(hours=1), FIRST],
        "endpoint": [
            *PATHS, "/api/v2/entities/{id}", "/api/v2/entities*", "/api/v2/entities/1*", "/api/*", "/größe/*", "/gr*",
            "/größ*", "/nowhere", "/nowhere*", "/%*", "/\N{GRINNING FACE}*", "/a*", "//*",
        ],
        "status": [200, 404, 500, "2xx", "4xx", "5xx", "3xx", 403],
        "token_id": TOKENS,
        "among_tokens": [frozenset(TOKENS[:2]), frozenset(TOKENS), frozenset(), MANY_TOKENS],
        "outcome": list(Outcome),
        "address": [*filter(None, ADDRESSES), "192.0.2.200", "'; DROP TABLE simsim_requests; --"],
    }  # fmt: skip


def filter_sets(pairs: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Yield every filter alone, without and with an account, and some pairs and triples of filters."""
    singles = single_filters()
    chance = random.Random(seed)
    yield {"account_id": ACME}
    yield {"account_id": None}
    for name, values in singles.items():
        for value, account in itertools.product(values, (ACME, None)):
            if account is not None or name != "among_tokens":
                yield {"account_id": account, name: value}
    for _ in range(pairs):
        names = chance.sample(sorted(singles), chance.choice([2, 2, 3]))
        yield {"account_id": chance.choice([ACME, GLOBEX]), **{name: chance.choice(singles[name]) for name in names}}
