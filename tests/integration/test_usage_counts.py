"""The counts of each token's days, kept as rows arrive, equal a recount of the rows whatever comes in which order."""

import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from request_lines import ACME, NOON, READER, SpoolOfTests
from simsim.credential import decision
from simsim.request_log.models import Endpoint, LoggedRequest, TokenAddressDay, TokenUse, UsageCount
from simsim.request_log.retention import HOURS_KEPT, forget_old
from simsim.request_log.search.selectors import last_uses
from simsim.request_log.ship.bulk_sql import NUMBERS
from simsim.request_log.ship.counts import DAY_HOURS, TEN_DAYS_HOURS, CountKind, Key, counted, hour_of, tally
from simsim.request_log.ship.shipper import Shipper
from simsim.request_log.usage import report
from simsim.request_log.usage.report import Span, Usage
from simsim.request_log.usage.token_use import AddressUse, addresses_of, requests_by_day, used_since

pytestmark = [
    pytest.mark.covers("B5"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]
DAYS_KEPT = 15
VERDICTS = [decision.OK, decision.OK_BY_PREVIOUS, decision.OK_OUTSIDE, decision.EXPIRED, decision.ADDRESS_NOT_ALLOWED]


def ship(shipper: Shipper) -> None:
    while shipper.ship_once():
        pass


def recount(oldest_hour: int = 0, oldest_day: int = 0) -> tuple[dict[Key, list[int]], Counter[tuple[date, str]]]:
    names = dict(Endpoint.objects.values_list("pk", "name"))
    rows, addresses = [], Counter[tuple[date, str]]()
    for row in LoggedRequest.objects.all():
        assert row.account_id is not None
        assert row.endpoint_id is not None
        took, endpoint = row.duration_seconds, names[row.endpoint_id]
        rows.append(counted(row.account_id, row.received_at, row.reason, row.status, took, endpoint, row.token_id))
        if row.reason == "ok" and row.token_id == READER:
            addresses[row.received_at.date(), row.address or ""] += 1
    counts = tally(rows)
    # Hours are kept for days only, and ten days only while all ten are there.
    oldest = {1: oldest_hour, DAY_HOURS: 0, TEN_DAYS_HOURS: oldest_day}
    return {key: counts[key] for key in counts if key.began_hour >= oldest[key.hours]}, addresses


def kept() -> tuple[dict[Key, list[int]], Counter[tuple[date, str]]]:
    counts = {
        Key(count.account_id.hex, count.hours, CountKind(count.kind), count.value, count.began_hour): [
            getattr(count, name) for name in NUMBERS
        ]
        for count in UsageCount.objects.all()
    }
    days = TokenAddressDay.objects.filter(token_id=READER)
    return (
        {key: numbers for key, numbers in counts.items() if any(numbers)},
        Counter({(day.day, day.address): day.accepted for day in days}),
    )


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_a_recount_after_lines_in_any_order_and_retention(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    numbers = list(range(400))
    ends = []
    for number in numbers:
        at = NOON - timedelta(hours=chance.randrange(0, 24 * 20))
        address = chance.choice(["203.0.113.9", "2001:db8::7", "198.51.100.1", "unknown"])
        if chance.random() < 0.3:  # the end arrives before its decision
            spool.complete(number, chance.choice([200, 404, 0]), at=at)
        else:
            ends.append((number, at))
        spool.decide(number, chance.choice(VERDICTS), at=at, address=address)
        if chance.random() < 0.1:
            shipper.ship_once()
        if chance.random() < 0.02:
            forget_old(NOON, days=DAYS_KEPT, step=30)
        if ends and chance.random() < 0.5:
            ended, at = ends.pop(chance.randrange(len(ends)))
            spool.complete(ended, chance.choice([200, 500]), at=at)
    ship(shipper)
    spool.close()
    while forget_old(NOON, days=DAYS_KEPT, step=30):
        pass
    assert 0 < LoggedRequest.objects.count() < len(numbers)
    oldest_day = hour_of(NOON) // DAY_HOURS * DAY_HOURS - DAYS_KEPT * DAY_HOURS
    assert kept() == recount(hour_of(NOON - HOURS_KEPT), oldest_day)
    span = Span.last_days(90, NOON)
    total = report.total(report.series(ACME, span))
    found = report.by_group(ACME, span, uuid.UUID, of=total)[READER]
    rows = LoggedRequest.objects.filter(token_id=READER)
    assert found.requests == rows.count()
    assert found.accepted == rows.filter(reason="ok").count()
    assert sum(found.took) == rows.filter(duration_seconds__isnull=False).count()


def test_line_that_is_shipped_twice_is_counted_once(tmp_path: Path) -> None:
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    spool.decide(1)
    ship(shipper)
    ship(Shipper(tmp_path, lambda: NOON))
    spool.complete(1)
    ship(shipper)
    spool.close()
    assert set(UsageCount.objects.filter(kind="token").values_list("accepted", flat=True)) == {1}


def test_use_of_a_previous_password_is_counted_separately(tmp_path: Path) -> None:
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


def test_days_and_addresses_are_read_for_the_given_days() -> None:
    today = NOON.date()
    for days_ago, accepted in ((0, 5), (29, 7), (30, 11)):
        count(READER, today - timedelta(days_ago), accepted, refused=100)
    count(ACME, today, 0, refused=1)
    counts = requests_by_day(ACME, [READER, ACME], last_day=today, days=30)
    assert set(counts) == {READER}
    assert (counts[READER][0], counts[READER][-1], sum(counts[READER]), len(counts[READER])) == (7, 5, 12, 30)
    for days_ago, address, accepted in (
        (0, "203.0.113.9", 1),
        (3, "203.0.113.9", 4),
        (1, "", 9),
        (29, "", 2),
        (30, "192.0.2.1", 50),
        (-1, "192.0.2.1", 50),
    ):
        TokenAddressDay.objects.create(
            token_id=READER, day=today - timedelta(days_ago), address=address, accepted=accepted
        )
    assert addresses_of(READER, last_day=today, days=30) == [
        AddressUse("", 11, today - timedelta(1)), AddressUse("203.0.113.9", 5, today),
    ]  # fmt: skip


def test_counts_are_deleted_with_their_days() -> None:
    for days_ago in (0, 1, 2):
        day = NOON.date() - timedelta(days_ago)
        count(READER, day, 1)
        TokenAddressDay.objects.create(token_id=READER, day=day, address="", accepted=1)
    while forget_old(NOON, days=1):
        pass
    assert UsageCount.objects.count() == TokenAddressDay.objects.count() == 2


def test_ten_days_with_a_deleted_day_are_summed_by_days(tmp_path: Path) -> None:
    spool, shipper = SpoolOfTests(tmp_path), Shipper(tmp_path, lambda: NOON)
    for number in range(60):
        spool.decide(number, at=NOON - timedelta(days=number // 2))
    ship(shipper)
    span = Span.last_days(30, NOON)
    for days in range(29, 0, -1):
        while forget_old(NOON, days=days):
            pass
        # Of ten days that have lost their first, some are counted anew when another line of them comes.
        spool.decide(100 + days, at=NOON - timedelta(days=days))
        ship(shipper)
        found = report.by_group(ACME, span, uuid.UUID, of=Usage())
        assert found[READER].requests == LoggedRequest.objects.count()
    spool.close()


def count(token_id: uuid.UUID, day: date, accepted: int, refused: int = 0) -> None:
    began_hour = hour_of(datetime.combine(day, time(), UTC))
    UsageCount.objects.create(
        account_id=ACME, hours=24, kind="token", value=token_id.hex, began_hour=began_hour, accepted=accepted,
        refused=refused,
    )  # fmt: skip
