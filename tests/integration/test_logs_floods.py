"""Refused requests that were counted instead of stored are reported above the list that omits them."""

import re
import uuid
from datetime import datetime, timedelta

import pytest
from django.test import Client

from cast import Cast
from log_pages import NOON, log, page_of, read, refused, signed_in
from page_reading import folded
from simsim.request_log.models import Flood
from simsim.tokens.actions import create_token

pytestmark = [pytest.mark.covers("R17"), pytest.mark.django_db(databases="__all__")]


def flood(account: uuid.UUID | None, minute: int, counted: int, network: str = "203.0.113.9") -> None:
    at = NOON.replace(minute=0) + timedelta(minutes=minute)
    hexed = account.hex if account else ""
    Flood.objects.create(minute=at, network=network, account=hexed, stored=60, counted=counted)


def line(content: str) -> str:
    """Return the line's text, "" without a line."""
    found = re.search(r'class="log-flood">.*?<span>(.*?)</span></p>', folded(content))
    return re.sub(r"<[^>]+>", "", found[1]) if found else ""


def test_counted_requests_are_reported_with_number_source_and_time(cast: Cast, alice: Client) -> None:
    log(cast)
    assert line(read(alice, page_of(cast))) == ""
    for minute in range(5, 9):
        flood(cast.acme.pk, minute, 3086 if minute < 8 else 3087)
    flood(cast.acme.pk, 20, 0)
    flood(cast.globex.pk, 5, 7)
    flood(None, 5, 9)
    assert line(read(alice, page_of(cast))) == (
        "12,345 more refused requests came from 203.0.113.9 between 24 Nov 2026, 12:05 and 12:09 "
        "UTC. They were counted but are not listed."
    )


def test_several_networks_and_days_are_summarised_in_one_line(cast: Cast, alice: Client) -> None:
    flood(cast.acme.pk, 5, 1)
    assert "1 more refused request came" in line(read(alice, page_of(cast)))
    flood(cast.acme.pk, 24 * 60, 5, "2001:db8:1:2::/64")
    flood(cast.acme.pk, 24 * 60, 2, "")
    said = line(read(alice, page_of(cast)))
    assert said.startswith("8 more refused requests came from 2001:db8:1:2::/64 and 2 other networks")
    assert "between 24 Nov 2026, 12:05 and 25 Nov 2026, 12:01 UTC" in said


@pytest.mark.parametrize(
    ("query", "is_told"),
    [
        ("", True), ("?outcome=refused", True), ("?status=4xx", True), ("?status=401", True), ("?endpoint=*", True),
        ("?address=203.0.113.9", True), ("?since=2026-11-24T12:05:30", True), ("?until=2026-11-24T12:06", True),
        ("?outcome=accepted", False), ("?status=404", False), ("?endpoint=/api/*", False), ("?software=none", False),
        ("?token={token}", False), ("?address=203.0.113.10", False), ("?since=2026-11-24T12:06", False),
        ("?until=2026-11-24T12:05", False), ("?range=1h", False),
    ],
)  # fmt: skip
def test_only_a_list_that_omits_counted_requests_mentions_them(
    cast: Cast, alice: Client, now: datetime, query: str, is_told: bool
) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", now=now)
    flood(cast.acme.pk, 5, 7)
    assert bool(line(read(alice, page_of(cast) + query.format(token=token.pk)))) == is_told


def test_each_page_reports_the_floods_of_its_own_time(cast: Cast, alice: Client) -> None:
    for second in range(60):
        refused(cast, "password_unknown", received_at=NOON + timedelta(minutes=second))
    flood(cast.acme.pk, 5, 7)
    flood(cast.acme.pk, 30, 8)
    first = read(alice, page_of(cast))
    assert line(first).startswith("8 more")
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert line(read(alice, older[1])).startswith("7 more")


def test_ipv6_address_filter_includes_floods_of_its_network(cast: Cast, alice: Client) -> None:
    flood(cast.acme.pk, 5, 7, "2001:db8:1:2::/64")
    assert "2001:db8:1:2::/64" in line(read(alice, f"{page_of(cast)}?address=2001:db8:1:2::77"))
    assert line(read(alice, f"{page_of(cast)}?address=2001:db8:1:3::77")) == ""


@pytest.mark.covers("R1")
def test_charlie_does_not_see_a_flood_on_alices_account(cast: Cast) -> None:
    flood(cast.acme.pk, 5, 7)
    flood(None, 5, 7)
    charlie, own = signed_in(cast.charlie), f"/accounts/{cast.globex.pk}/logs/"
    assert line(read(charlie, own)) == line(read(charlie, f"{own}?address=203.0.113.9&follow=on")) == ""
