"""What was called with chosen tokens: the log's rows added up by endpoint, address and answer, in bounded steps."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connections

from simsim.request_log.clickhouse import server
from simsim.request_log.models import Endpoint
from simsim.request_log.partitions import TABLE
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search import clickhouse_rows
from simsim.request_log.search.conditions import Sql, both
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.plan import Plan, Step, plan

# An attacker could use an address for each request. Beyond this, the addresses of further groups are not kept apart.
MAX_GROUPS = 50_000
OTHERS = "others"
COLUMNS = "token_id, endpoint_id, method, address, status, outcome"


class Group(NamedTuple):
    """Requests that have all of this in common. `endpoint` is a name.

    `address` is None if it is unknown, and OTHERS for addresses that are not kept apart.
    """

    token_id: uuid.UUID
    endpoint: str
    method: str
    address: str | None
    status: int | None
    outcome: str


@dataclass
class Total:
    """The number of a group's requests, and the times of the first and the last."""

    requests: int
    first: datetime
    last: datetime

    def add(self, requests: int, first: datetime, last: datetime) -> None:
        self.requests += requests
        self.first, self.last = min(self.first, first), max(self.last, last)


@dataclass(frozen=True)
class CallTotals:
    """The groups. `complete_since` is set if older requests were not added up."""

    groups: dict[Group, Total]
    complete_since: datetime | None = None


def call_totals(account_id: uuid.UUID, filters: LogFilters, *, patience_seconds: float | None = None) -> CallTotals:
    """Return the totals of the account's requests with a token, from the newest back until the time is up."""
    ends = None if patience_seconds is None else time.monotonic() + patience_seconds
    made = plan(filters, reads_all=True)
    names: dict[int | None, str] = dict(Endpoint.objects.filter(account_id=account_id).values_list("pk", "name"))
    groups: dict[Group, Total] = {}
    for step in made.steps:
        if ends is not None and time.monotonic() > ends:
            return CallTotals(groups, moment_of(step.high))
        for token_id, endpoint_id, method, address, status, outcome, requests, first, last in read(made, step):
            group = Group(token_id, names.get(endpoint_id, ""), method, address, status, outcome)
            since, until = moment_of(first), moment_of(last)
            if group not in groups and len(groups) >= MAX_GROUPS:
                group = group._replace(address=OTHERS)
            if group in groups:
                groups[group].add(requests, since, until)
            else:
                groups[group] = Total(requests, since, until)
    return CallTotals(groups)


def read(made: Plan, step: Step) -> list[tuple[uuid.UUID, int | None, str, str | None, int | None, str, int, int, int]]:
    """Return the totals of one step's rows."""
    if not made.leads:
        return []
    if server.is_home():
        return [(as_uuid(row[0]), *row[1:]) for row in clickhouse_rows.call_totals(made.asked, *step)]
    asked = statement(made, step)
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        cursor.execute(asked.text, asked.parameters)
        return [(as_uuid(token_id), *row) for token_id, *row in cursor.fetchall()]


def as_uuid(value: uuid.UUID | str) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def statement(made: Plan, step: Step) -> Sql:
    # SQLite has no statistics on the values, and may choose another index: see `plan.statement`.
    is_sqlite = connections[settings.REQUEST_LOG_ALIAS].vendor == "sqlite"
    table = f"{TABLE} INDEXED BY {made.leading_index}" if is_sqlite and made.leading_index else TABLE
    selects = []
    parameters: list[object] = []
    for lead in made.leads:
        found = both(lead, Sql("id >= %s AND id < %s", step), made.rest, Sql("token_id IS NOT NULL"))
        totals = f"SELECT {COLUMNS}, COUNT(*), MIN(id), MAX(id) FROM {table}"  # noqa: S608
        selects.append(f"{totals} WHERE {found.text} GROUP BY {COLUMNS}")
        parameters += found.parameters
    return Sql(" UNION ALL ".join(selects), tuple(parameters))
