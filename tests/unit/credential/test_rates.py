"""Rates and quotas as people write them, and the numbers of requests that they let in."""

from datetime import UTC, datetime

import pytest

from simsim.credential.allowlist import Fault
from simsim.credential.decision import Cause
from simsim.credential.rates import (
    WHOLE_SHARE,
    Excess,
    Rates,
    Usage,
    current,
    day_ends,
    month_ends,
    pack,
    parse_rates,
    policy_of,
    take,
    unpack,
)

pytestmark = pytest.mark.covers("B17")
NOON = datetime(2026, 2, 27, 12, tzinfo=UTC).timestamp()
DAY = 86_400


def admitted(rates: Rates, usage: Usage, now: float, tries: int) -> tuple[int, Usage]:
    count = 0
    for _ in range(tries):
        usage, excess = take(rates, usage, now)
        count += excess is None
    return count, usage


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], Rates()),
        (["10/s"], Rates(10, 10)),
        ([" 10 / second  burst 20 "], Rates(10, 20)),
        (["10,000/day", "5/s", "300000/Month"], Rates(5, 5, 10_000, 300_000)),
        (["1/s burst 1000000"], Rates(1, 1_000_000)),
    ],
)
def test_what_people_write_is_understood(texts: list[str], expected: Rates) -> None:
    found = parse_rates(texts)
    assert found == expected
    assert unpack(pack(expected)) == expected


@pytest.mark.parametrize(
    ("texts", "part"),
    [
        (["ten/s"], "no rate or quota"),
        (["10/hour"], "no rate or quota"),
        (["10/s burst"], "no rate or quota"),
        (["1/day", "2/day"], "second limit of its kind"),
        (["1/s", "2/s burst 3"], "second limit of its kind"),
        (["0/s"], "out of range"),
        (["5/s burst 0"], "out of range"),
        (["100001/s"], "out of range"),
        (["1000000000001/month"], "out of range"),
        (["1" * 50 + "/s"], "no rate or quota"),
        (["1" * 50 + "/day"], "no rate or quota"),
    ],
)
def test_fault_says_what_is_wrong(texts: list[str], part: str) -> None:
    found = parse_rates(texts)
    assert isinstance(found, Fault)
    assert part in found.message


def test_rates_that_cannot_be_read_let_nobody_in() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        unpack("plenty")


def test_burst_passes_at_once_and_then_one_in_each_interval() -> None:
    rates = Rates(10, 20)
    count, usage = admitted(rates, Usage(), NOON, 100)
    assert count == 20
    assert take(rates, usage, NOON)[1] == Excess(Cause.RATE, 1, "rate")
    count, usage = admitted(rates, usage, NOON + 0.5, 100)
    assert count == 5
    assert admitted(rates, usage, NOON + 60, 100)[0] == 20


def test_wait_is_the_time_until_the_next_request_passes() -> None:
    rates = Rates(1, 1)
    _, usage = admitted(rates, Usage(), NOON, 1)
    _, excess = take(rates, usage, NOON + 0.2)
    assert excess == Excess(Cause.RATE, 1, "rate")
    assert take(rates, usage, NOON + 1)[1] is None


def test_quota_of_a_day_starts_again_at_midnight_and_that_of_a_month_on_the_first() -> None:
    rates = Rates(per_day=3, per_month=5)
    count, usage = admitted(rates, Usage(), NOON, 9)
    assert count == 3
    assert take(rates, usage, NOON)[1] == Excess(Cause.QUOTA_DAY, DAY // 2, "day")
    count, usage = admitted(rates, usage, NOON + DAY, 9)
    assert count == 2
    assert take(rates, usage, NOON + DAY)[1] == Excess(Cause.QUOTA_MONTH, DAY // 2, "month")
    assert admitted(rates, usage, NOON + 2 * DAY, 9)[0] == 3


def test_lowered_limit_holds_for_the_next_request_and_a_raised_one_too() -> None:
    count, usage = admitted(Rates(per_day=10), Usage(), NOON, 8)
    assert count == 8
    assert take(Rates(per_day=5), usage, NOON)[1] is not None
    assert admitted(Rates(per_day=10), usage, NOON, 8)[0] == 2
    _, usage = admitted(Rates(1000, 1000), Usage(), NOON, 1000)
    assert take(Rates(1, 1), usage, NOON)[1] == Excess(Cause.RATE, 1, "rate")
    assert take(Rates(1, 1), usage, NOON + 1)[1] is None


def test_clock_that_is_set_back_locks_nobody_out_and_grants_no_second_day() -> None:
    rates = Rates(10, 10, per_day=15)
    _, usage = admitted(rates, Usage(), NOON + 3 * DAY, 10)
    assert admitted(rates, usage, NOON + 2 * DAY + 2, 99)[0] == 0  # the bucket is full, as of then
    _, usage = admitted(Rates(per_day=15), usage, NOON + 2 * DAY, 99)
    assert usage.today == 15
    assert admitted(Rates(per_day=15), usage, NOON, 99)[0] == 15


def test_other_nodes_requests_count_in_day_and_month() -> None:
    usage = current(Usage(), NOON)._replace(others_today=8, others_this_month=8)
    count, after = admitted(Rates(per_day=10), usage, NOON, 99)
    assert (count, after.total_today, after.total_this_month) == (2, 10, 10)
    assert admitted(Rates(per_month=10), usage, NOON, 99)[0] == 2
    assert admitted(Rates(per_month=10), usage, NOON + 5 * DAY, 99)[0] == 10


def test_share_of_a_rate_slows_a_token_and_keeps_its_burst() -> None:
    usage = current(Usage(), NOON)._replace(share=WHOLE_SHARE // 4, share_ends=int(NOON) + 10)
    count, usage = admitted(Rates(10, 20), usage, NOON, 99)
    assert count == 20
    assert admitted(Rates(10, 20), usage, NOON + 2, 99)[0] == 5
    assert admitted(Rates(10, 20), usage, NOON + 10, 99)[0] == 20


def test_policy_names_each_limit_with_its_window() -> None:
    assert policy_of(Rates(10, 25, 1000, 30_000), NOON) == (
        '"rate";q=25;w=3, "day";q=1000;w=86400, "month";q=30000;w=2419200'
    )
    assert policy_of(Rates(), NOON) == ""


def test_periods_end_at_midnight_in_utc() -> None:
    noon = datetime.fromtimestamp(NOON, UTC)
    assert day_ends(noon) == datetime(2026, 2, 28, tzinfo=UTC)
    assert month_ends(noon) == datetime(2026, 3, 1, tzinfo=UTC)
    assert month_ends(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
