"""The usage of an account agrees with the log, and only the account's administrators see it."""

import math
import random
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cast import Cast
from logged_requests import row, store
from simsim.account_log.usage import By, has_ever_been_used, new_callers_of, usage_of
from simsim.accounts.permissions import Actor
from simsim.problem import NotFound, NotPermitted
from simsim.request_log import durations
from simsim.request_log.models import LoggedRequest, TokenAddressDay
from simsim.request_log.ship.counts import CountKind
from simsim.request_log.usage import new_addresses, report
from simsim.request_log.usage.report import Span, Usage

pytestmark = [pytest.mark.covers("B5"), pytest.mark.django_db(databases="__all__")]
ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)
NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


def some_traffic(number: int = 600) -> None:
    """Store requests of two accounts over 100 days, some ended and some not."""
    chance = random.Random(20261125)
    store(
        *(
            row(
                received_at=NOW - timedelta(hours=chance.choice([chance.randrange(30), chance.randrange(2400)])),
                account_id=chance.choice([ACME, ACME, GLOBEX]),
                token_id=chance.choice([None, *(uuid.UUID(int=10 + each) for each in range(5))]),
                resource=f"/api/{chance.choice('abcdefg')}",
                reason=chance.choice(["ok", "ok", "ok", "expired"]),
                status=chance.choice([200, 200, 404, 500, None]),
                duration_seconds=chance.choice([None, *(chance.lognormvariate(-2, 1.5) for _ in range(5))]),
            )
            for _ in range(number)
        )
    )


def logged(span: Span, account_id: uuid.UUID = ACME) -> list[LoggedRequest]:
    """Return the logged requests in a span, by their time."""
    first = span.beginnings[0]
    end = first + timedelta(hours=span.hours * span.number)
    return list(LoggedRequest.objects.filter(account_id=account_id, received_at__gte=first, received_at__lt=end))


def recounted(rows: list[LoggedRequest]) -> tuple[int, int, int]:
    """Return the numbers of accepted, refused and completed requests."""
    accepted = sum(each.reason == "ok" for each in rows)
    return accepted, len(rows) - accepted, sum(each.duration_seconds is not None for each in rows)


def numbers(usage: Usage) -> tuple[int, int, int]:
    return usage.accepted, usage.refused, sum(usage.took)


def exact(rows: list[LoggedRequest], share: float) -> float:
    took = sorted(each.duration_seconds for each in rows if each.duration_seconds is not None)
    return took[math.ceil(share * len(took)) - 1]


SPANS = [Span.last_hours(24, NOW), *(Span.last_days(days, NOW) for days in (7, 30, 90))]


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.number}x{span.hours}h")
def test_usage_equals_a_recount_of_the_log(span: Span) -> None:
    some_traffic()
    rows = logged(span)
    series = report.series(ACME, span)
    total = report.total(series)
    assert len(series) == span.number
    assert numbers(total) == recounted(rows)
    for began, usage in zip(span.beginnings, series, strict=True):
        of_it = [each for each in rows if began <= each.received_at < began + timedelta(hours=span.hours)]
        assert numbers(usage) == recounted(of_it)
    for kind, value_of in (
        (CountKind.STATUS, lambda each: str(each.status or "")),
        (CountKind.TOKEN, lambda each: each.token_id.hex if each.token_id else None),
    ):
        found = report.largest(ACME, span, kind, of=total, number=100)
        values = {value_of(each) for each in rows} - {None}
        assert {value: numbers(usage) for value, usage in found.by_value.items()} == {
            value: recounted([each for each in rows if value_of(each) == value]) for value in values
        }
        assert (found.others_number, found.others) == (0, Usage())
        assert numbers(found.unnamed) == recounted([each for each in rows if value_of(each) is None])
    by_token = report.by_group(ACME, span, str, of=total)
    assert {token: numbers(usage) for token, usage in by_token.items()} == {
        value: numbers(usage) for value, usage in found.by_value.items()
    }


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.number}x{span.hours}h")
def test_percentiles_are_those_of_the_requests_to_a_factor_of_root_two(span: Span) -> None:
    some_traffic()
    rows = logged(span)
    total = report.total(report.series(ACME, span))
    found = report.largest(ACME, span, CountKind.ENDPOINT, of=total, number=100)
    parts = [(rows, total)]
    for letter in "abcdefg":
        of_it = [each for each in rows if each.resource == f"/api/{letter}"]
        if any(each.duration_seconds is not None for each in of_it):
            parts.append((of_it, found.by_value[f"/api/{letter}"]))
    assert len(parts) > 3
    for of_it, usage in parts:
        for share in (0.5, 0.95, 0.99):
            told = usage.within(share)
            assert told is not None
            assert abs(math.log2(told / max(exact(of_it, share), durations.BOUNDS[0] / 2))) <= 0.5 + 1e-9


def test_other_values_add_up_and_have_durations_if_they_are_known() -> None:
    some_traffic()
    span = SPANS[-1]
    total = report.total(report.series(ACME, span))
    everything = report.largest(ACME, span, CountKind.ENDPOINT, of=total, number=100)
    found = report.largest(ACME, span, CountKind.ENDPOINT, of=total, number=3)
    assert list(found.by_value) == list(everything.by_value)[:3]
    sizes = [usage.requests for usage in everything.by_value.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert found.others_number == len(everything.by_value) - 3
    assert found.others == report.total(list(everything.by_value.values())[3:])
    assert found.unnamed == Usage()
    # The durations of other tokens' requests and of requests without a token are unknown, and must not be guessed.
    all_tokens = report.largest(ACME, span, CountKind.TOKEN, of=total, number=100)
    tokens = report.largest(ACME, span, CountKind.TOKEN, of=total, number=2)
    others = report.total(list(all_tokens.by_value.values())[2:])
    assert (tokens.others.accepted, tokens.others.refused) == (others.accepted, others.refused)
    assert numbers(tokens.unnamed)[:2] == numbers(all_tokens.unnamed)[:2]
    assert tokens.others.within(0.5) is None
    assert tokens.unnamed.within(0.5) is None


def test_requests_between_two_queries_never_make_a_negative_number() -> None:
    took = (1,) * durations.CLASSES
    assert Usage(1, 2) - Usage(2, 1, took) == Usage(0, 1)


def test_very_many_tokens_have_counts_and_no_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    some_traffic()
    whole = report.by_group(ACME, SPANS[2], str, of=report.total(report.series(ACME, SPANS[2])))
    monkeypatch.setattr(report, "MAX_TIMED", len(whole) - 1)
    short = report.by_group(ACME, SPANS[2], str, of=Usage())
    assert short == {token: Usage(usage.accepted, usage.refused) for token, usage in whole.items()}
    assert any(sum(usage.took) for usage in whole.values())
    together = report.by_group(ACME, SPANS[2], len, of=Usage())
    assert together == {32: report.total(short.values())}


def test_tokens_without_a_total_are_also_read() -> None:
    assert report.largest(ACME, SPANS[0], CountKind.TOKEN, of=Usage(3), number=20).unnamed == Usage(3)
    assert report.by_group(ACME, SPANS[0], str, of=Usage()) == {}
    assert not report.has_ever_been_used(ACME)


@pytest.mark.covers("R1")
def test_bob_and_charlie_learn_nothing_of_acme(cast: Cast) -> None:
    store(row(received_at=timezone.now(), account_id=cast.acme.pk))
    span = Span.last_days(7, timezone.now())

    def asked(actor: Actor) -> list[Any]:
        return [
            lambda: usage_of(cast.acme, actor=actor, span=span, by=By.TOKEN),
            lambda: new_callers_of(cast.acme, actor=actor, now=timezone.now()),
            lambda: has_ever_been_used(cast.acme, actor=actor),
        ]

    for actor, error in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound)):
        for ask in asked(actor):
            with pytest.raises(error):
                ask()
    assert [bool(ask()) for ask in asked(cast.as_alice)] == [True] * 3
    for by in By:
        assert usage_of(cast.globex, actor=cast.as_charlie, span=span, by=by).total == Usage()
    assert new_callers_of(cast.globex, actor=cast.as_charlie, now=timezone.now()).number == 0


def test_address_is_new_if_no_token_of_the_account_was_let_in_from_it_before() -> None:
    today = NOW.date()

    def came(ago: int, address: str, token: int = 3, account_id: uuid.UUID = ACME) -> None:
        TokenAddressDay.objects.create(
            token_id=uuid.UUID(int=token),
            account_id=account_id,
            day=today - timedelta(ago),
            address=address,
            accepted=2,
        )

    came(7, "192.0.2.1")
    came(1, "192.0.2.1")
    came(6, "192.0.2.2")
    came(0, "192.0.2.2", 4)
    came(2, "2001:db8::1")
    came(9, "192.0.2.3", 4)
    came(1, "192.0.2.3", 3)
    came(0, "")
    came(30, "192.0.2.2", account_id=GLOBEX, token=9)
    came(0, "198.51.100.9", account_id=GLOBEX, token=9)
    found = new_addresses.new_addresses(ACME, since=today - timedelta(6), most=10)
    assert [(each.address, each.first_day) for each in found.shown] == [
        ("2001:db8::1", today - timedelta(2)), ("192.0.2.2", today - timedelta(6)),
    ]  # fmt: skip
    assert found.shown[1].requests == {uuid.UUID(int=3): 2, uuid.UUID(int=4): 2}
    assert (found.number, found.is_cut) == (2, False)
    cut = new_addresses.new_addresses(ACME, since=today - timedelta(6), most=1)
    assert ([each.address for each in cut.shown], cut.number) == (["2001:db8::1"], 2)
    assert new_addresses.new_addresses(uuid.UUID(int=7), since=date.min, most=10).shown == []


def test_too_many_addresses_are_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_addresses, "MAX_ADDRESSES", 5)
    for number in range(7):
        TokenAddressDay.objects.create(
            token_id=ACME, account_id=ACME, day=NOW.date(), address=f"192.0.2.{number}", accepted=1
        )
    found = new_addresses.new_addresses(ACME, since=NOW.date(), most=3)
    assert (len(found.shown), found.number, found.is_cut) == (3, 5, True)
