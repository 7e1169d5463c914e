"""A log in ClickHouse, from the spool to the console: shipped, shown, followed, forwarded, examined and deleted."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from cast import Cast
from logged_requests import row, store
from request_lines import NOON, Clock, SpoolOfTests
from simsim.credential.decision import EXPIRED
from simsim.forwarding import events
from simsim.health.doctor import log
from simsim.operations.migrate import prepare_clickhouse
from simsim.problem import Unusable
from simsim.request_log.clickhouse import server, table
from simsim.request_log.clickhouse.server import ClickHouse
from simsim.request_log.models import LoggedRequest, OwedBatch, Shipment, UsageCount, WorkerNode
from simsim.request_log.nodes import MAX_WRITING, complete_until
from simsim.request_log.retention import forget_old
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests
from simsim.request_log.ship import owed_rows
from simsim.request_log.ship.shipper import Shipper

pytestmark = [
    pytest.mark.covers("R17", "B1"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
AWAY = ClickHouse("127.0.0.1", 9, "simsim", "s3cret", "log", is_secure=False)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolOfTests]:
    made = SpoolOfTests(tmp_path)
    yield made
    made.close()


def rows_in_clickhouse() -> int:
    ((number,),) = server.ask(f"SELECT count() FROM {table.TABLE} FINAL")
    return int(number)


def owe(**changed: object) -> None:
    """Make a batch that ClickHouse does not have yet."""
    given = {"batch": owed_rows.new_batch(), "spool": "", "rows": 5, "data": b"", "since": NOON, "owed_at": NOON}
    OwedBatch.objects.create(**given | changed)


def test_a_request_is_shown_when_it_is_decided_and_complete_when_it_has_ended(
    clickhouse: ClickHouse, spool: SpoolOfTests, clock: Clock
) -> None:
    shipper = Shipper(spool.directory, clock)
    spool.decide(1)
    spool.decide(2, EXPIRED)
    assert shipper.ship_once() == 2
    assert [(each.resource, each.status) for each in list_requests(LogFilters(None)).items] in (
        [("/r/1", None), ("/r/2", 401)], [("/r/2", 401), ("/r/1", None)],
    )  # fmt: skip
    spool.complete(1, status=404)
    spool.complete(2, status=401)
    assert shipper.ship_once() == 2
    found = {each.resource: each for each in list_requests(LogFilters(None)).items}
    assert {path: (each.status, each.outcome, each.bytes) for path, each in found.items()} == {
        "/r/1": (404, "accepted", 7), "/r/2": (401, "refused", 7),
    }  # fmt: skip
    assert not list_requests(LogFilters(uuid.UUID(int=1), outcome=None, status=200)).items
    assert [each.resource for each in list_requests(LogFilters(uuid.UUID(int=1), status="404")).items] == ["/r/1"]
    counts = UsageCount.objects.filter(kind="status", hours=1).values_list("value", "accepted", "refused")
    assert sorted(each for each in counts if any(each[1:])) == [("401", 0, 1), ("404", 1, 0)]
    assert not LoggedRequest.objects.exists()


def test_the_console_shows_an_accounts_requests(
    clickhouse: ClickHouse, cast: Cast, alice: Client, now: datetime
) -> None:
    (pk,) = store(row(account_id=cast.acme.pk, resource="/api/v2/of-acme", received_at=now))
    store(row(account_id=cast.globex.pk, resource="/api/v2/of-globex", received_at=now))
    page = alice.get(f"/accounts/{cast.acme.pk}/logs/").content.decode()
    assert "/api/v2/of-acme" in page
    assert "/api/v2/of-globex" not in page
    assert "/api/v2/of-acme" in alice.get(f"/accounts/{cast.acme.pk}/logs/{pk}/").content.decode()
    assert alice.get(f"/accounts/{cast.globex.pk}/logs/{pk}/").status_code == 404
    assert alice.get(f"/accounts/{cast.acme.pk}/usage/").status_code == 200


def test_old_days_are_dropped_and_later_ones_stay(clickhouse: ClickHouse) -> None:
    for days in (0, 1, 2, 40):
        store(row(received_at=NOON - timedelta(days=days)), row(received_at=NOON - timedelta(days=days, seconds=1)))
    while forget_old(NOON, days=1):
        pass
    assert rows_in_clickhouse() == 4
    assert list_requests(LogFilters(None)).items[-1].received_at == NOON - timedelta(days=1, seconds=1)


def test_rows_are_forwarded_once_clickhouse_has_them(clickhouse: ClickHouse, settings: Settings) -> None:
    settings.FORWARD_LOG = True
    settings.LOG_CLICKHOUSE = AWAY
    with pytest.raises(server.Unanswered):
        store(row(resource="/forwarded"))
    assert not Shipment.objects.exists()
    settings.LOG_CLICKHOUSE = clickhouse
    assert owed_rows.deliver() == 1
    assert owed_rows.deliver() == 0
    shipment = Shipment.objects.get()
    (event,) = events.of_requests(shipment.ids)
    assert b"/forwarded" in event.json


def test_a_follower_waits_for_what_clickhouse_does_not_have(clickhouse: ClickHouse, now: datetime) -> None:
    WorkerNode.objects.create(
        node="n", host="h", started_at=now, round_at=now, boot_id="b", boot_seconds=1.0, unshipped_since=None
    )
    assert complete_until(now) == now - MAX_WRITING
    owe(since=now - timedelta(minutes=3))
    assert complete_until(now) == now - timedelta(minutes=3) - MAX_WRITING


def test_what_a_dead_node_owes_is_delivered_by_another(clickhouse: ClickHouse, settings: Settings) -> None:
    settings.LOG_CLICKHOUSE = AWAY
    with pytest.raises(server.Unanswered):
        store(row())
    settings.LOG_CLICKHOUSE = clickhouse
    OwedBatch.objects.update(spool="dead")
    assert owed_rows.deliver("mine") == 0
    OwedBatch.objects.update(owed_at=datetime.now(UTC) - owed_rows.OWN_FOR)
    assert owed_rows.deliver("mine") == 1
    assert rows_in_clickhouse() == 1


def test_migrate_creates_the_table_once_and_refuses_one_that_is_not_ours(clickhouse: ClickHouse) -> None:
    server.order(f"DROP TABLE {table.TABLE}")
    assert prepare_clickhouse()
    assert not prepare_clickhouse()
    server.order(f"ALTER TABLE {table.TABLE} DROP COLUMN via")
    with pytest.raises(Unusable, match="via"):
        prepare_clickhouse()


def test_doctor_says_what_is_wrong_with_clickhouse(clickhouse: ClickHouse, settings: Settings) -> None:
    (finding,) = log.clickhouse()
    assert finding.is_good
    owe()
    (finding,) = log.clickhouse()
    assert not finding.is_good
    assert "5 rows wait" in finding.detail
    server.order(f"ALTER TABLE {table.TABLE} DROP COLUMN via")
    (finding,) = log.clickhouse()
    assert "via" in finding.detail
    settings.LOG_CLICKHOUSE = AWAY
    (finding,) = log.clickhouse()
    assert not finding.is_good
    assert "s3cret" not in finding.detail
    settings.LOG_CLICKHOUSE = None
    assert not list(log.clickhouse())
