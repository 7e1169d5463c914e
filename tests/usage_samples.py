"""A quarter of a year of everyday traffic, as counts in a log's SQLite file, to see what it looks like."""

import random
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsim.request_log import durations
from simsim.request_log.ship.counts import Counted, hour_of, tally

DAYS = 90
NUMBERS = ("accepted", "refused", *durations.COLUMNS)
COUNT = f"""
    INSERT INTO request_log_usagecount AS kept (account_id, hours, kind, value, began_hour, {", ".join(NUMBERS)})
    VALUES ({", ".join("?" * (5 + len(NUMBERS)))})
    ON CONFLICT (account_id, hours, kind, value, began_hour) DO UPDATE SET
        {", ".join(f"{name} = kept.{name} + excluded.{name}" for name in NUMBERS)}
"""
USE = "INSERT OR IGNORE INTO request_log_tokenuse (token_id, account_id, used_at, address) VALUES (?, ?, ?, ?)"
ADDRESS = """
    INSERT OR IGNORE INTO request_log_tokenaddressday (token_id, account_id, day, address, accepted)
    VALUES (?, ?, ?, ?, 40)
"""
REPORTS = (
    "attribution", "benchmarks", "cash", "currencies", "drawdown", "esg", "exposure", "fees", "forecast", "income",
    "liquidity", "risk", "tax", "turnover", "volatility", "yield",
)  # fmt: skip
ENDPOINTS = (
    "/api/v2/entities", "/api/v2/entities/{id}", "/api/v2/holdings/{id}/prices", "/api/v2/funds", "/api/v2/funds/{id}",
    "/api/v2/transactions", "/api/v2/performance/{id}/daily", "/api/v2/documents/{id}",
    *(f"/api/v2/reports/{report}" for report in REPORTS),
)  # fmt: skip


def remember(data: Path, account: str, tokens: Sequence[str], *, now: datetime) -> None:
    """Give the account's tokens, the busiest first, DAYS days behind them; the last address is a new one."""
    account_id = uuid.UUID(account)
    ids = [uuid.UUID(token) for token in tokens]
    counts = tally(list(_traffic(account_id.hex, [token.hex for token in ids], now)))
    with closing(sqlite3.connect(data / "request_log.sqlite3", timeout=20)) as database, database:
        database.executemany(COUNT, [(*key, *numbers) for key, numbers in counts.items()])
        for place, token in enumerate(ids):
            last = f"{now - timedelta(hours=2):%Y-%m-%d %H:%M:%S}"
            database.execute(USE, (token.hex, account_id.hex, last, "203.0.113.40"))
            days = [(ago, f"203.0.113.{40 + place}") for ago in range(1, DAYS)] + [
                (place + 1, f"2001:db8:17::{place + 1:x}")
            ]
            database.executemany(
                ADDRESS, [(token.hex, account_id.hex, str((now - timedelta(ago)).date()), at) for ago, at in days]
            )


def _traffic(account: str, tokens: Sequence[str], now: datetime) -> Iterator[Counted]:
    chance = random.Random(20261124)
    weights = [1 / (place + 1) for place in range(len(tokens))]
    likely = [1 / (place + 1) for place in range(len(ENDPOINTS))]
    present = hour_of(now.astimezone(UTC))
    for ago in range(DAYS * 24):
        hour = present - ago
        of_day, weekend = hour % 24, (hour // 24 + 3) % 7 > 4
        often = (28 if 6 <= of_day < 18 else 5) * (0.35 if weekend else 1) * (1.4 - ago / DAYS / 40)
        for _ in range(chance.randrange(int(often * 0.6), int(often * 1.4) + 1)):
            token = chance.choices(tokens, weights)[0]
            endpoint = chance.choices(ENDPOINTS, likely)[0]
            is_refused = chance.random() < (0.12 if ago // 24 in {4, 5} else 0.012)
            fails = not is_refused and chance.random() < 0.02
            seconds = 0.004 if is_refused else chance.lognormvariate(-2.6, 0.8) * (1.6 if of_day == 9 else 1)
            status = 401 if is_refused else chance.choice([404, 500]) if fails else 200
            known = None if is_refused and chance.random() < 0.5 else int(token, 16)
            took = durations.class_of(seconds)
            yield Counted(int(account, 16), hour, not is_refused, took, status, endpoint, known)
