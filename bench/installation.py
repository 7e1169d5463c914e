"""A large installation: an account with many tokens, and a log of millions of rows, made inside the database.

Modules that need Django are imported where they are used, because the rest of the benchmark runs without it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench import tokens

DAYS = 90
DAY_MICROS = 86_400_000_000
BATCH_ROWS = 500_000
ENDPOINTS, ADDRESSES = 400, 250
PERSON = "bench@example.com"
Progress = Callable[[str], None]

USED = "CREATE TEMP TABLE used (place bigint PRIMARY KEY, id {kind}, name text)"
NAMED = "CREATE TEMP TABLE named (place bigint PRIMARY KEY, id bigint, name text)"
# The product of two numbers that each run through a range: a few tokens are used often, and many seldom.
LOG = """
    WITH RECURSIVE numbers(n) AS (SELECT CAST({first} AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}),
    times AS (SELECT n, {began} + n * {step} AS micros FROM numbers)
    INSERT INTO request_log_loggedrequest ({columns})
    SELECT {values} FROM times JOIN used ON used.place = (n % {used}) * (n / {used} % 97) / 97
    JOIN named ON named.place = n * 7 % {named} ORDER BY n
"""
# Shipping updates these counts as rows arrive. Here they are counted from all rows, which gives the same numbers.
LAST_USES = """
    INSERT INTO request_log_tokenuse (token_id, account_id, used_at, address)
    SELECT token_id, {account}, max(received_at), max(address)
    FROM request_log_loggedrequest WHERE reason = 'ok' GROUP BY token_id
"""
ADDRESS_COUNTS = """
    INSERT INTO request_log_tokenaddressday (token_id, day, address, accepted, account_id)
    SELECT token_id, {day}, address, count(*), {account} FROM request_log_loggedrequest WHERE reason = 'ok'
    GROUP BY 1, 2, 3
"""
COUNTS = """
    INSERT INTO request_log_usagecount (account_id, hours, kind, value, began_hour, accepted, refused, {took})
    SELECT {account}, 1, '{kind}', {value}, id / {hour_ids}, sum(CASE reason WHEN 'ok' THEN 1 ELSE 0 END),
        sum(CASE reason WHEN 'ok' THEN 0 ELSE 1 END), {classes}
    FROM request_log_loggedrequest GROUP BY 4, 5
"""
LONGER = """
    INSERT INTO request_log_usagecount (account_id, hours, kind, value, began_hour, accepted, refused, {took})
    SELECT account_id, {hours}, kind, value, began_hour - began_hour % {hours}, sum(accepted), sum(refused), {sums}
    FROM request_log_usagecount WHERE hours = {of} AND kind {kinds}
    GROUP BY account_id, kind, value, began_hour - began_hour % {hours}
"""
# Classes of durations, by column. Each gets every third request.
TOOK = {"took_06": 0.0079, "took_11": 0.045, "took_17": 0.35}


@dataclass(frozen=True)
class Made:
    """The installation: the account's id, and the id of its most used token."""

    account: str
    token: str


@dataclass(frozen=True)
class Size:
    """The size of the installation: the account's active and ended tokens, and the rows of the log over DAYS days."""

    active_tokens: int
    ended_tokens: int
    rows: int


def environment(data: Path, port: int, database_url: str) -> dict[str, str]:
    """Return the environment variables for a Simsim on that port, with its state in `data` or at the URL, if given."""
    settings = {"SIMSIM_BASE_URL": f"http://localhost:{port}"}
    if database_url:
        settings |= {
            "SIMSIM_DATABASE_URL": database_url,
            "SIMSIM_SECRET_KEY": "a-secret-key-of-the-bench-and-of-nothing-else",
            "SIMSIM_TOKEN_KEYS": "dGhpcy1pcy1hLWtleS1vZi10aGUtdGVzdHMtYWxvbmU",
        }
    return tokens.environment(data) | settings


def start_django(settings: dict[str, str]) -> None:
    """Set this process up for the installation. Afterwards, it can't be used for another one."""
    from simsim.config import command_line

    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        del os.environ[name]
    os.environ.update(settings, DJANGO_SETTINGS_MODULE="simsim.config.settings")
    command_line.start_unproven()


def make(size: Size, progress: Progress) -> Made:
    """Migrate and fill the empty database of this process; PERSON is the account's administrator."""
    from django.utils import timezone

    from simsim.accounts.actions import add_user, create_account
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations import migrate

    migrate.migrate()
    now = timezone.now()
    account = create_account(actor=OPERATOR, name="Bench", now=now)
    add_user(actor=OPERATOR, account=account, email=PERSON, role="administrator", now=now)
    made = make_tokens(account, size, now)
    progress(f"{len(made):,} tokens created")
    began = time.monotonic()
    fill_log(account.pk, made[: size.active_tokens], size.rows, now, progress)
    progress(f"{size.rows:,} rows logged in {time.monotonic() - began:.0f} s")
    return Made(str(account.pk), str(made[0].pk))


def make_tokens(account: Any, size: Size, now: datetime) -> list[Any]:
    """Create the tokens, the active ones first; their passwords are unknown."""
    from simsim.tokens.models import TargetSoftware, Token

    software = [*TargetSoftware.objects.all(), None]
    made = [
        Token(
            account=account, name=f"Job {number} of the data platform", description="Loads what changed each night.",
            software=software[number % len(software)], allowed_networks=["198.51.100.0/24", "2001:db8:17::/48"],
            digest=os.urandom(32), sealed_password=b"0", created_at=now - timedelta(days=DAYS), created_by_label=PERSON,
            expires_at=now + timedelta(days=1, minutes=number) * (1 if number < size.active_tokens else -1),
        )
        for number in range(size.active_tokens + size.ended_tokens)
    ]  # fmt: skip
    return Token.objects.bulk_create(made, batch_size=1000)


def fill_log(account_id: Any, used: list[Any], rows: int, now: datetime, progress: Progress) -> None:
    """Log the tokens' requests in the order of their time. Some tokens are used often."""
    from django.conf import settings
    from django.db import connections

    from simsim.request_log import partitions
    from simsim.request_log.models import Endpoint
    from simsim.request_log.row_ids import IDS_PER_DAY, first_id

    connection = connections[settings.REQUEST_LOG_ALIAS]
    on_sqlite = connection.vendor == "sqlite"
    kept = (lambda value: value.hex) if on_sqlite else str
    columns = row_columns(kept(account_id), on_sqlite=on_sqlite)
    named = [Endpoint(account_id=account_id, name=f"/api/v2/entity-{place}") for place in range(ENDPOINTS)]
    Endpoint.objects.bulk_create(named)
    began = now - timedelta(days=DAYS)
    began_micros = int(began.timestamp() * 1_000_000)
    with connection.cursor() as cursor, quickly(cursor, on_sqlite=on_sqlite), without_indexes(connection, progress):
        cursor.execute(USED.format(kind="text" if on_sqlite else "uuid"))
        cursor.execute(NAMED)
        places = [(place, kept(token.pk), token.name) for place, token in enumerate(used)]
        cursor.executemany("INSERT INTO used VALUES (%s, %s, %s)", places)
        known = dict(Endpoint.objects.values_list("name", "pk"))
        cursor.executemany(
            "INSERT INTO named VALUES (%s, %s, %s)", [(n, known[each.name], each.name) for n, each in enumerate(named)]
        )
        if not on_sqlite:
            partitions.create(cursor, range(first_id(began), first_id(now) + IDS_PER_DAY, IDS_PER_DAY))
        for first in range(0, rows, BATCH_ROWS):
            last = min(first + BATCH_ROWS, rows) - 1
            names, values = ", ".join(columns), ", ".join(columns.values())
            cursor.execute(
                LOG.format(
                    first=first, last=last, columns=names, values=values, used=len(used), named=ENDPOINTS,
                    began=began_micros, step=DAYS * DAY_MICROS // rows,
                )
            )  # fmt: skip
            progress(f"{last + 1:,} of {rows:,} rows")
        count(cursor, columns["account_id"], on_sqlite=on_sqlite)
        progress("requests counted")


def count(cursor: Any, account: str, *, on_sqlite: bool) -> None:
    """Count the requests as shipping would have done."""
    from simsim.request_log.row_ids import IDS_PER_DAY

    day = "date(received_at)" if on_sqlite else "(received_at AT TIME ZONE 'UTC')::date"
    for counts in (LAST_USES, ADDRESS_COUNTS):
        cursor.execute(counts.format(account=account, day=day))
    token = "token_id" if on_sqlite else "replace(token_id::text, '-', '')"
    values = {"all": "''", "status": "CAST(status AS text)", "endpoint": "resource", "token": token}
    classes = ", ".join(f"sum(CASE duration_seconds WHEN {seconds} THEN 1 ELSE 0 END)" for seconds in TOOK.values())
    for kind, value in values.items():
        cursor.execute(
            COUNTS.format(
                account=account,
                kind=kind,
                value=value,
                hour_ids=IDS_PER_DAY // 24,
                took=", ".join(TOOK),
                classes=classes,
            )
        )
    for hours, of, kinds in ((24, 1, "<> ''"), (240, 24, "= 'token'")):
        sums = ", ".join(f"sum({name})" for name in TOOK)
        cursor.execute(LONGER.format(hours=hours, of=of, kinds=kinds, took=", ".join(TOOK), sums=sums))


def row_columns(account_id: str, *, on_sqlite: bool) -> dict[str, str]:
    """Return the SQL for each column of the log's row `n`, received `micros` microseconds after the start of 1970."""
    from simsim.request_log.row_ids import BITS

    text = "datetime(micros / 1000000, 'unixepoch') || printf('.%%06d', micros %% 1000000)".replace("%%", "%")
    kinds = "CASE WHEN n % 5003 = 0 THEN {0} WHEN n % 40 = 0 THEN {1} WHEN n % 40 = 1 THEN {2} ELSE {3} END".format
    eight, forty, hundreds = TOOK.values()
    return {
        "id": f"micros * {1 << BITS} + n % {1 << BITS}",
        "received_at": text if on_sqlite else "to_timestamp(micros / 1000000.0)",
        "account_id": f"'{account_id}'" if on_sqlite else f"'{account_id}'::uuid",
        "token_id": "used.id",
        "token_name": "used.name",
        "method": "'GET'",
        "resource": "named.name",
        "endpoint_id": "named.id",
        "status": kinds(500, 401, 404, 200),
        "outcome": kinds("'accepted'", "'refused'", "'accepted'", "'accepted'"),
        "reason": kinds("'ok'", "'address_not_allowed'", "'ok'", "'ok'"),
        "cause": kinds("'ok'", "'address_not_allowed'", "'ok'", "'ok'"),
        "duration_seconds": f"CASE n % 3 WHEN 0 THEN {eight} WHEN 1 THEN {forty} ELSE {hundreds} END",
        "bytes": "200 + n % 5000",
        "address": f"'198.51.100.' || ((used.place * 3 + n % 3) % {ADDRESSES})",
    }


@contextmanager
def without_indexes(connection: Any, progress: Progress) -> Iterator[None]:
    """Fill the log first and index it afterwards, which takes a fraction of the time."""
    from simsim.request_log.models import LoggedRequest

    indexes = LoggedRequest._meta.indexes
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.remove_index(LoggedRequest, index)
    yield
    for index in indexes:
        with connection.schema_editor() as editor:
            editor.add_index(LoggedRequest, index)
        progress(f"indexed: {index.name}")


@contextmanager
def quickly(cursor: Any, *, on_sqlite: bool) -> Iterator[None]:
    """Keep SQLite from syncing to disk during the block.

    After the block, have PostgreSQL analyze the tables, as it soon would by itself.
    """
    if on_sqlite:
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("PRAGMA cache_size = -1000000")
        cursor.execute("PRAGMA temp_store = MEMORY")
    yield
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)" if on_sqlite else "VACUUM ANALYZE")
