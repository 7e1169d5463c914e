"""A log that was kept by an earlier version is there whole after the upgrade: rows, what waits, and what is counted."""

import functools
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from own_installation import DJANGO, environment_of, own_database, run_python
from settings_for_tests import ON_POSTGRESQL

ACME, READER = uuid.UUID(int=1), uuid.UUID(int=2)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILL = """
import django
django.setup()
from datetime import datetime, timedelta, timezone
from django.conf import settings
from django.db import connections
cursor = connections[settings.REQUEST_LOG_ALIAS].cursor()
account, token = "00000000000000000000000000000001", "00000000000000000000000000000002"
noon = datetime(2026, 11, 24, 12)
zone = "+00:00" if cursor.db.vendor == "postgresql" else ""
for number in range(60):
    at = str(noon - timedelta(hours=number // 3)) + zone
    ended = number % 4 != 3
    cursor.execute(
        "INSERT INTO request_log_loggedrequest (received_at, account_id, token_id, token_name, method, resource,"
        " status, outcome, reason, cause, duration_seconds) VALUES"
        " (%s, %s, %s, 'r', 'GET', %s, %s, %s, 'ok', 'ok', %s)",
        [at, account, token, f"/r/{number}/x", 200 if ended else None, "accepted" if ended else "unknown",
         0.25 if ended else None])
    if not ended:
        cursor.execute("SELECT max(id) FROM request_log_loggedrequest")
        cursor.execute(
            "INSERT INTO request_log_openrequest (request_id, row_id, is_refused, spool, opened_at)"
            " VALUES (%s, %s, false, 's', %s)", [f"{number:032x}", cursor.fetchone()[0], at])
"""
READ = """
import json, django
django.setup()
from django.db.models import Sum
from simsim.request_log.models import LoggedRequest, OpenRequest, UsageCount
from simsim.request_log.search.selectors import list_requests
from simsim.request_log.search.filters import LogFilters
import uuid
listed = list_requests(LogFilters(uuid.UUID(int=1), endpoint="/r/{id}/x"), limit=100)
resources = dict(LoggedRequest.objects.values_list("pk", "resource"))
print(json.dumps({
    "rows": [[row.resource, row.status, row.outcome, row.received_at.isoformat()] for row in listed.items],
    "open": sorted((int(each.request_id, 16), resources[each.row_id]) for each in OpenRequest.objects.all()),
    "counts": [list(row) for row in UsageCount.objects.values_list("kind", "hours").order_by("kind", "hours")
               .annotate(Sum("accepted"), Sum("took_16"))],
}))
"""


@pytest.mark.timeout(600)
@pytest.mark.covers("R17", "B5")
def test_upgrade_keeps_requests_and_waiting_ends_and_recounts_everything(tmp_path: Path) -> None:
    database_url = own_database("upgrade", on_postgresql=ON_POSTGRESQL)
    run = functools.partial(run_python, environment=environment_of(tmp_path, database_url) | DJANGO)
    if not ON_POSTGRESQL:
        (tmp_path / "request_log.sqlite3").touch()

    alias = "default" if ON_POSTGRESQL else "request_log"
    migrate = ("-m", "django", "migrate", "request_log")
    run(*migrate, "0003", "--database", alias, "-v0", "--skip-checks")
    run("-c", FILL)
    run(*migrate, "--database", alias, "-v0", "--skip-checks")

    found: dict[str, Any] = json.loads(run("-c", READ))
    expected = sorted(range(60), key=lambda number: (-(number // 3), number), reverse=True)
    assert [row[0] for row in found["rows"]] == [f"/r/{number}/x" for number in expected]
    for (_, status, outcome, at), number in zip(found["rows"], expected, strict=True):
        assert (status, outcome) == ((None, "unknown") if number % 4 == 3 else (200, "accepted"))
        assert datetime.fromisoformat(at) == NOON - timedelta(hours=number // 3)
    assert found["open"] == [[number, f"/r/{number}/x"] for number in range(3, 60, 4)]
    assert found["counts"] == [
        [kind, hours, 60, 45] for kind in ("all", "endpoint", "status", "token") for hours in (1, 24)
    ] + [["token", 240, 60, 45]]
