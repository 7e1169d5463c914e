"""A month of past requests with the sample tokens, so that the log and the usage pages have content at once."""

import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from simsim.credential.decision import Cause, Reason
from simsim.demo.traffic import ENTITIES
from simsim.request_log.outcome import Outcome
from simsim.request_log.ship import insert
from simsim.request_log.ship.join import RequestRow

DAYS = 30
# Requests per hour by day and by night, and the share of them that remains at weekends.
BY_DAY, BY_NIGHT, WEEKEND_SHARE = 11.0, 3.0, 0.3
REQUESTS = (ENTITIES, f"{ENTITIES}/42", "/api/v2/holdings/7/prices", "/api/v2/funds")


@dataclass(frozen=True)
class Past:
    """The past of a sample token: how many days ago its use began and ended, and why the gate has refused it since."""

    began_days: int
    ended_days: int = 0
    reason: Reason = Reason.OK
    cause: Cause = Cause.OK
    share: int = 1


PASTS = {
    "dashboards": Past(88, share=8),
    "expired": Past(45, 15, Reason.EXPIRED, Cause.EXPIRED, share=3),
    "revoked": Past(20, 3, Reason.REVOKED, Cause.REVOKED),
}


def store_past(account_id: uuid.UUID, tokens: Mapping[str, tuple[str, str]], now: datetime) -> None:
    """Store the requests of the last DAYS days for the tokens of PASTS; each token is an id and a name."""
    rows: list[RequestRow] = []
    chance = random.Random(7)  # noqa: S311 - the same month in every demo; nothing secret
    for key, at in _moments(chance, now):
        past, (token_id, name) = PASTS[key], tokens[key]
        if timedelta(days=past.ended_days) <= now - at < timedelta(days=past.began_days):
            rows.append(_row(chance, at, Reason.OK, Cause.OK))
        elif now - at < timedelta(days=past.ended_days):
            rows.append(_row(chance, at, past.reason, past.cause))
        else:
            continue
        rows[-1] = rows[-1]._replace(account_id=account_id, token_id=uuid.UUID(token_id), token_name=name)
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        insert.store(sorted(rows, key=lambda row: row.received_at))


def _moments(chance: random.Random, now: datetime) -> Iterator[tuple[str, datetime]]:
    """Yield a token's key and a time for each request, up to an hour ago; later requests are real."""
    shares = [past.share for past in PASTS.values()]
    for hours_ago in range(2, DAYS * 24):
        hour = now - timedelta(hours=hours_ago)
        often = BY_DAY if 6 <= hour.hour < 18 else BY_NIGHT
        often *= WEEKEND_SHARE if hour.weekday() >= 5 else 1
        for _ in range(chance.randrange(round(often) + 1)):
            yield chance.choices(list(PASTS), shares)[0], hour + timedelta(seconds=chance.random() * 3600)


def _row(chance: random.Random, at: datetime, reason: Reason, cause: Cause) -> RequestRow:
    is_refused = reason != Reason.OK
    return RequestRow(
        received_at=at, account_id=None, token_id=None, token_name=None, method="GET",
        resource=chance.choices(REQUESTS, (8, 4, 2, 1))[0],
        status=401 if is_refused else chance.choices((200, 404, 500), (60, 2, 1))[0],
        outcome=Outcome.REFUSED if is_refused else Outcome.ACCEPTED, reason=reason, cause=cause,
        duration_seconds=0.002 if is_refused else round(chance.lognormvariate(-2.6, 0.8), 4),
        bytes=26 if is_refused else chance.randrange(300, 9000), address="203.0.113.40",
    )  # fmt: skip
