"""A flood of refused requests neither fills the log nor hides the others: beyond a rate it is counted, and exactly."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import Sum

from request_lines import ACME, NOON, SpoolOfTests, request_id
from simsim.credential.basic import NO_CREDENTIALS
from simsim.credential.decision import EXPIRED, PASSWORD_UNKNOWN, UNDECIDED
from simsim.request_log.models import Flood, LoggedRequest, NodeTotal, OpenRequest, SetAsideLine
from simsim.request_log.node_totals import TotalKind
from simsim.request_log.ship import floods
from simsim.request_log.ship.floods import MAX_STORED_PER_MINUTE
from simsim.request_log.ship.shipper import Shipper

pytestmark = [
    pytest.mark.covers("R17"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
FLOOD = 1000


def ship(spool: Path) -> None:
    shipper = Shipper(spool, lambda: NOON)
    while shipper.ship_once():
        pass


def counted() -> int:
    return Flood.objects.aggregate(sum=Sum("counted"))["sum"] or 0


def test_beyond_a_rate_refusals_without_a_token_are_counted_and_every_other_request_is_stored(tmp_path: Path) -> None:
    spool = SpoolOfTests(tmp_path)
    for number in range(FLOOD):
        spool.decide(number, NO_CREDENTIALS, address="198.51.100.7")
    for number in range(FLOOD, FLOOD + 100):
        spool.decide(number, EXPIRED, address="198.51.100.7")
    for number in range(FLOOD + 100, FLOOD + 110):
        spool.decide(number, NO_CREDENTIALS, address="203.0.113.9")
    ship(tmp_path)
    spool.close()
    assert LoggedRequest.objects.filter(cause="no_credentials", address="198.51.100.7").count() == MAX_STORED_PER_MINUTE
    assert LoggedRequest.objects.filter(cause="expired").count() == 100
    assert LoggedRequest.objects.filter(address="203.0.113.9").count() == 10
    assert counted() == FLOOD - MAX_STORED_PER_MINUTE


def test_flood_is_counted_exactly_in_any_batches(tmp_path: Path) -> None:
    spool = SpoolOfTests(tmp_path)
    for number in range(FLOOD):
        spool.decide(number, PASSWORD_UNKNOWN, at=NOON + timedelta(seconds=number / 10))
        if number % 90 == 0:
            ship(tmp_path)
    # The ends come when the decisions have been shipped: none of them is a request that no gate decided.
    for number in range(FLOOD):
        spool.complete(number, 401, at=NOON + timedelta(seconds=number / 10))
        if number % 300 == 0:
            ship(tmp_path)
    ship(tmp_path)
    spool.close()
    assert LoggedRequest.objects.count() + counted() == FLOOD
    assert LoggedRequest.objects.count() == 2 * MAX_STORED_PER_MINUTE  # ten a second, for one minute and forty seconds
    assert set(LoggedRequest.objects.values_list("account_id", flat=True)) == {ACME}
    assert set(Flood.objects.values_list("account", flat=True)) == {ACME.hex}
    assert not OpenRequest.objects.exists()


def test_in_an_outage_every_request_of_a_busy_address_has_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floods, "MAX_STORED_IN_OUTAGE", 900)
    spool = SpoolOfTests(tmp_path)
    for number in range(0, 800, 2):
        spool.decide(number, UNDECIDED)  # the gate answers, and can't decide
        spool.complete(number, 503)
        spool.complete(number + 1, 503)  # the gate is away
    ship(tmp_path)
    assert LoggedRequest.objects.filter(reason="unavailable", status=503, outcome="refused").count() == 800
    assert counted() == 0
    for number in range(800, 1000):
        spool.complete(number, 503)
    ship(tmp_path)
    spool.close()
    assert LoggedRequest.objects.count() == 900, "what no customer sends does not fill the disk in an outage either"
    assert counted() == 100


def test_flood_that_nginx_refuses_by_itself_is_counted_like_any_other(tmp_path: Path) -> None:
    spool = SpoolOfTests(tmp_path)
    for number in range(FLOOD):
        spool.complete(number, (400, 405, 414, 431, 501, 505)[number % 6])
    ship(tmp_path)
    spool.close()
    assert LoggedRequest.objects.filter(cause="bad_request").count() == MAX_STORED_PER_MINUTE
    assert counted() == FLOOD - MAX_STORED_PER_MINUTE


def test_what_gates_counted_is_added_exactly_once_to_the_counts_and_to_the_metrics(tmp_path: Path) -> None:
    spool, minute = SpoolOfTests(tmp_path), int(NOON.timestamp())
    report = {
        "id": request_id(1),
        "counted": [
            [minute, "198.51.100.7", str(ACME), "throttled", 40],
            [minute, "198.51.100.7", str(ACME), "unknown_credentials", 2],
            [minute, "", "", "throttled", 900],
        ],
    }
    spool.gate.write(json.dumps(report, separators=(",", ":")).encode() + b"\n")
    spool.decide(2, PASSWORD_UNKNOWN, address="198.51.100.7")
    ship(tmp_path)
    report["id"] = request_id(3)
    spool.gate.write(json.dumps(report, separators=(",", ":")).encode() + b"\n")
    ship(tmp_path)
    spool.close()
    found = Flood.objects.order_by("network").values_list("minute", "network", "account", "stored", "counted")
    assert list(found) == [(NOON, "", "", 0, 1800), (NOON, "198.51.100.7", ACME.hex, 1, 84)]
    assert not SetAsideLine.objects.exists()
    totals = dict(NodeTotal.objects.filter(kind=TotalKind.DECISIONS).values_list("label", "amount"))
    assert totals == {"throttled": 1880, "unknown_credentials": 5}
