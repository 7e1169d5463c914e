"""Addresses in the log become networks after some days; numbers, searches and pages stay right."""

import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from cast import Cast
from log_pages import page_of, read
from logged_requests import logged, row, store
from request_lines import Clock, SpoolOfTests
from simsim.account_log.allowlist_preview import preview_allowlist, suggest_networks
from simsim.account_log.call_report import network_of
from simsim.account_log.requests import flood_of
from simsim.credential.decision import EXPIRED
from simsim.operations import retention
from simsim.request_log.address_retention import shorten_old
from simsim.request_log.models import (
    Flood,
    LoggedRequest,
    RetentionMark,
    SetAsideLine,
    TokenAddressDay,
    TokenUse,
    UsageCount,
)
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.filters import LogFilters
from simsim.request_log.search.selectors import list_requests
from simsim.request_log.ship.shipper import Shipper
from simsim.tokens.models import Token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R17")]
DAYS = 10
OFFICE = [f"203.0.113.{number}" for number in range(1, 8)]
HOMES = ["2001:db8:1:2::9", "2001:db8:1:3::9", "2001:db8:2::9"]


@pytest.fixture(autouse=True)
def operator(settings: Any) -> None:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"log_address_days": DAYS})


@pytest.fixture
def requests(cast: Cast, token: Token, now: datetime) -> int:
    """Two requests from each address, on each of 20 days, one of them refused; return how many."""
    noon = now.replace(hour=12, minute=0)
    made = [
        row(
            received_at=noon - timedelta(days=day, seconds=second), account_id=cast.acme.pk, token_id=token.pk,
            address=address, reason=reason, cause=reason, status=200 if reason == "ok" else 401,
            outcome="accepted" if reason == "ok" else "refused",
        )
        for day in range(1, 21)
        for second, address in enumerate([*OFFICE, *HOMES, None])
        for reason in ("ok", "expired")
    ]  # fmt: skip
    store(*made)
    RetentionMark.objects.create(pk=RetentionMark.ONLY, at=now)
    return len(made)


def shorten_all(now: datetime, **given: Any) -> int:
    steps = 0
    while shorten_old(now, days=DAYS, log_days=365, **given):
        steps += 1
    return steps


def numbers() -> list[object]:
    days = TokenAddressDay.objects.order_by("day").values_list("token_id", "account_id", "day")
    counts = UsageCount.objects.order_by("pk").values_list("kind", "value", "began_hour", "accepted", "refused")
    return [list(days.annotate(Sum("accepted"))), list(counts), LoggedRequest.objects.count()]


def is_old(at: datetime, now: datetime) -> bool:
    return at < (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("step", [3, 900])
def test_old_addresses_become_networks_and_every_number_stays(requests: int, now: datetime, step: int) -> None:
    before = numbers()
    steps = shorten_all(now, step=step)
    assert steps > requests // 2 // step
    for at, address in LoggedRequest.objects.values_list("received_at", "address"):
        assert address in ((*OFFICE, *HOMES, None) if not is_old(at, now) else
                           ("203.0.113.0/24", "2001:db8:1::/48", "2001:db8:2::/48", None))  # fmt: skip
    assert LoggedRequest.objects.filter(address="203.0.113.0/24").count() == 10 * 2 * len(OFFICE)
    assert numbers() == before
    (day,) = TokenAddressDay.objects.filter(address="203.0.113.0/24").order_by("day")[:1]
    assert day.accepted == len(OFFICE)
    mark = RetentionMark.objects.get().shortened_to
    assert shorten_all(now, step=step) == 0
    assert RetentionMark.objects.get().shortened_to == mark


def test_nothing_is_shortened_by_default_or_a_day_too_early(requests: int, now: datetime, settings: Any) -> None:
    assert shorten_old(now, days=20, log_days=365) == 0
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"log_address_days": 0})
    while retention.delete_old(now):
        pass
    assert not LoggedRequest.objects.filter(address__contains="/").exists()
    assert type(settings.OPERATOR).model_fields["log_address_days"].default == 0


def test_the_worker_shortens_and_a_longer_time_brings_nothing_back(requests: int, now: datetime) -> None:
    while retention.delete_old(now):
        pass
    short = LoggedRequest.objects.filter(address__contains="/").count()
    assert short == 10 * 2 * len(OFFICE + HOMES)
    assert shorten_old(now, days=15, log_days=365) == 0
    assert LoggedRequest.objects.filter(address__contains="/").count() == short


@pytest.mark.parametrize("step", [1, 7, 900])
def test_search_by_an_address_finds_the_old_requests_by_their_network(
    cast: Cast, requests: int, now: datetime, step: int
) -> None:
    shorten_all(now, step=step)
    for account in (cast.acme.pk, None):
        found = found_by(account, OFFICE[0])
        assert {(is_old(each.received_at, now), each.address) for each in found} == {
            (False, OFFICE[0]), (True, "203.0.113.0/24"),
        }  # fmt: skip
        assert len(found) == 10 * 2 + 10 * 2 * len(OFFICE)
        assert len(found_by(account, "203.0.113.0/24")) == 10 * 2 * len(OFFICE)
        assert len(found_by(account, OFFICE[0], outcome=Outcome.REFUSED)) == 10 + 10 * len(OFFICE)
        assert found_by(account, "198.51.100.1") == []
    ids = [each.pk for each in found_by(cast.acme.pk, OFFICE[0])]
    assert ids == sorted(ids, reverse=True)


def found_by(account: Any, address: str, **filters: Any) -> list[LoggedRequest]:
    found: list[LoggedRequest] = []
    cursor = None
    while True:
        page = list_requests(LogFilters(account, address=address, **filters), limit=50, cursor=cursor)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def test_every_half_done_state_is_searched_right(cast: Cast, requests: int, now: datetime) -> None:
    expected = len(found_by(cast.acme.pk, HOMES[2]))
    while shorten_old(now, days=DAYS, log_days=365, step=5):
        assert len(found_by(cast.acme.pk, HOMES[2])) == expected


def test_pages_commands_and_files_show_the_network(
    cast: Cast, requests: int, now: datetime, alice: Client, simsim: Simsim
) -> None:
    shorten_all(now)
    oldest = LoggedRequest.objects.filter(address="203.0.113.0/24").order_by("pk")[0]
    content = read(alice, f"{page_of(cast)}{oldest.pk}/")
    assert "Only the network is kept: this request is old." in content
    assert "Show only this network" in content
    (link,) = re.findall(r'href="([^"]*address=203.0.113.0%2F24[^"]*)"', content)
    assert "203.0.113.0/24" in read(alice, link)
    listed = simsim("log", "list", "--account", str(cast.acme.pk), "--address", "203.0.113.0/24")["items"]
    assert {each["address"] for each in listed} == {"203.0.113.0/24"}
    for wrong in ("203.0.113.0/25", "203.0.113.9/24", "2001:db8::/64", "x/24"):
        assert "one address" in simsim("log", "list", "--account", str(cast.acme.pk), "--address", wrong, fails=2)
    assert network_of("203.0.113.0/24") == "203.0.113.0/24"


def test_floods_last_uses_and_unread_lines_are_shortened_too(cast: Cast, now: datetime) -> None:
    minute = now.replace(second=0) - timedelta(days=DAYS + 5)
    for network in (OFFICE[0], OFFICE[1], "2001:db8:1:2::/64", ""):
        Flood.objects.create(minute=minute, network=network, account=cast.acme.pk.hex, stored=60, counted=5)
    for at, address in ((minute, OFFICE[0]), (now, OFFICE[1]), (minute, None)):
        logged(received_at=at, token_id=uuid.uuid4(), account_id=cast.acme.pk, address=address)
    for at in (minute, now):
        SetAsideLine.objects.create(found_at=at, name="gate.jsonl", offset=1, text="203.0.113.9 garbage")
    shorten_all(now)
    floods = Flood.objects.order_by("network").values_list("network", "stored", "counted")
    assert list(floods) == [("", 60, 5), ("2001:db8:1::/48", 60, 5), ("203.0.113.0/24", 120, 10)]
    assert sorted(map(str, TokenUse.objects.values_list("address", flat=True))) == sorted(
        ["203.0.113.0/24", OFFICE[1], "None"]
    )
    assert SetAsideLine.objects.get().found_at == now
    for address in (OFFICE[2], "203.0.113.0/24"):
        filters = LogFilters(cast.acme.pk, address=address)
        found = flood_of(cast.acme, actor=cast.as_alice, filters=filters, since=None, until=None)
        assert found is not None
        assert (found.number, found.network) == (10, "203.0.113.0/24")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolOfTests]:
    spool = SpoolOfTests(tmp_path)
    yield spool
    spool.close()


def test_lines_that_arrive_late_are_shortened_too(
    requests: int, now: datetime, spool: SpoolOfTests, tmp_path: Path, clock: Clock
) -> None:
    shorten_all(now)
    clock.now = now
    late = now - timedelta(days=DAYS + 4)
    spool.decide(1, at=late, address="203.0.113.77")
    spool.decide(2, EXPIRED, at=late, address="2001:db8:9::1")
    spool.decide(3, at=now, address="203.0.113.78")
    shipper = Shipper(tmp_path, clock)
    while shipper.ship_once():
        pass
    assert LoggedRequest.objects.filter(address="203.0.113.77").exists()
    assert shorten_all(now) > 0
    assert set(LoggedRequest.objects.filter(received_at__gte=late, resource__startswith="/r/").values_list(
        "address", flat=True)) == {"203.0.113.0/24", "2001:db8:9::/48", "203.0.113.78"}  # fmt: skip
    assert not TokenAddressDay.objects.filter(address="203.0.113.77").exists()


def test_previews_take_a_network_for_allowed_only_if_all_of_it_is(
    cast: Cast, token: Token, requests: int, now: datetime
) -> None:
    shorten_all(now)

    def excluded(*networks: str) -> set[str]:
        preview = preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=networks, now=now)
        return {use.address for use in preview.excluded}

    assert "203.0.113.0/24" not in excluded("203.0.113.0/24")
    assert "203.0.113.0/24" in excluded("203.0.113.0/25")
    assert "2001:db8:1::/48" in excluded("2001:db8:1:2::/64")
    suggested = suggest_networks(actor=cast.as_alice, token=token, now=now)
    assert sorted(suggested) == ["2001:db8:1::/48", "2001:db8:2::/48", "203.0.113.0/24"]
    assert excluded(*suggested) == {""}
