"""The counts of each token's days, kept as rows arrive, equal a recount of the rows whatever comes in which order."""

import importlib
import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

from request_lines import ACME, NOON, READER, SpoolOfTests
from simsim.credential import decision
from simsim.request_log.models import LoggedRequest, TokenAddressDay, TokenDay, TokenUse
from simsim.request_log.query import last_uses
from simsim.request_log.retention import forget_old
from simsim.request_log.shipping import Shipper
from simsim.request_log.usage import AddressUse, addresses_of, requests_by_day, used_since

pytestmark = [
    pytest.mark.covers("B5"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
VERDICTS = [decision.OK, decision.OK_BY_PREVIOUS, decision.OK_OUTSIDE, decision.EXPIRED, decision.ADDRESS_NOT_ALLOWED]


def ship(shipper: Shipper) -> None:
    while shipper.ship_once():
        pass


def recount() -> tuple[Counter[tuple[date, bool]], Counter[tuple[date, str]]]:
    days: Counter[tuple[date, bool]] = Counter()
    addresses: Counter[tuple[date, str]] = Counter()
    for row in LoggedRequest.objects.filter(token_id=READER):
        days[row.received_at.date(), row.reason == "ok"] += 1
        if row.reason == "ok":
            addresses[row.received_at.date(), row.address or ""] += 1
    return days, addresses


def kept() -> tuple[Counter[tuple[date, bool]], Counter[tuple[date, str]]]:
    days: Counter[tuple[date, bool]] = Counter()
    for day in TokenDay.objects.filter(token_id=READER):
        days |= Counter({(day.day, True): day.accepted, (day.day, False): day.refused})
    return days, Counter({(count.day, count.address): count.accepted for count in TokenAddressDay.objects.all()})


def test_counts_equal_a_recount_after_lines_in_any_order(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    numbers = list(range(400))
    ends = []
    for number in numbers:
        at = NOON - timedelta(hours=chance.randrange(0, 24 * 9))
        address = chance.choice(["203.0.113.9", "2001:db8::7", "198.51.100.1", "unknown"])
        if chance.random() < 0.3:  # the end arrives before its decision
            spool.complete(number, at=at)
        else:
            ends.append((number, at))
        spool.decide(number, chance.choice(VERDICTS), at=at, address=address)
        if chance.random() < 0.1:
            shipper.ship_once()
        if ends and chance.random() < 0.5:
            ended, at = ends.pop(chance.randrange(len(ends)))
            spool.complete(ended, at=at)
    ship(shipper)
    spool.close()
    assert LoggedRequest.objects.count() == len(numbers)
    assert kept() == recount()


def test_line_that_is_shipped_again_is_counted_once(tmp_path: Path) -> None:
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    spool.decide(1)
    ship(shipper)
    ship(Shipper(tmp_path, lambda: NOON))
    spool.complete(1)
    ship(shipper)
    spool.close()
    assert TokenDay.objects.get().accepted == 1


def test_use_of_a_replaced_password_is_told_apart(tmp_path: Path) -> None:
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    for number, (verdict, minutes) in enumerate(
        [(decision.OK, 1), (decision.OK_BY_PREVIOUS, 2), (decision.OK, 3), (decision.OK_BY_PREVIOUS_OUTSIDE, 0)]
    ):
        spool.decide(number, verdict, at=NOON + timedelta(minutes=minutes))
        ship(shipper)
    spool.close()
    use = last_uses([READER])[READER]
    assert (use.at, use.by_previous_at) == (NOON + timedelta(minutes=3), NOON + timedelta(minutes=2))
    assert used_since(ACME, NOON + timedelta(minutes=3)) == {READER.hex}
    # A row from before accounts were noted learns of its own with the next use.
    TokenUse.objects.update(account_id=None)
    again = SpoolOfTests(tmp_path)
    again.decide(9, at=NOON + timedelta(minutes=1))
    ship(shipper)
    again.close()
    assert used_since(ACME, NOON) == {READER.hex}
    assert used_since(ACME, NOON + timedelta(minutes=4)) == set()


def test_days_and_addresses_are_read_for_the_days_asked_for() -> None:
    today = NOON.date()
    for days_ago, accepted in ((0, 5), (29, 7), (30, 11)):
        TokenDay.objects.create(token_id=READER, day=today - timedelta(days_ago), accepted=accepted, refused=100)
    TokenDay.objects.create(token_id=ACME, day=today, accepted=0, refused=1)
    counts = requests_by_day([READER, ACME], last_day=today, days=30)
    assert set(counts) == {READER}
    assert (counts[READER][0], counts[READER][-1], sum(counts[READER]), len(counts[READER])) == (7, 5, 12, 30)
    for days_ago, address, accepted in (
        (0, "203.0.113.9", 1),
        (3, "203.0.113.9", 4),
        (1, "", 9),
        (31, "192.0.2.1", 50),
    ):
        TokenAddressDay.objects.create(
            token_id=READER, day=today - timedelta(days_ago), address=address, accepted=accepted
        )
    assert addresses_of(READER, since=today - timedelta(30)) == [
        AddressUse("", 9, today - timedelta(1)), AddressUse("203.0.113.9", 5, today),
    ]  # fmt: skip


def test_counts_go_with_the_days_that_they_count() -> None:
    for days_ago in (0, 1, 2):
        day = NOON.date() - timedelta(days_ago)
        TokenDay.objects.create(token_id=READER, day=day, accepted=1, refused=0)
        TokenAddressDay.objects.create(token_id=READER, day=day, address="", accepted=1)
    while forget_old(NOON - timedelta(days=1)):
        pass
    assert TokenDay.objects.count() == TokenAddressDay.objects.count() == 2


def test_rows_that_were_there_before_are_counted_by_the_migration(tmp_path: Path) -> None:
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    for number, verdict in enumerate(VERDICTS * 3):
        address = "unknown" if number % 2 else "203.0.113.9"
        spool.decide(number, verdict, at=NOON - timedelta(days=number), address=address)
    ship(shipper)
    spool.close()
    for model in (TokenDay, TokenAddressDay):
        model._default_manager.all().delete()
    TokenUse.objects.update(account_id=None)
    migration = importlib.import_module("simsim.request_log.migrations.0002_counts")
    migration.count_what_is_there(apps, connections[settings.REQUEST_LOG_ALIAS].schema_editor())
    assert kept() == recount()
    assert TokenUse.objects.get().account_id == ACME
