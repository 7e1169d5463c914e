"""However requests come, a rate and a quota let in no more than they say, and never less than was possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.allowlist import Fault
from simsim.credential.rates import Rates, Usage, pack, parse_rates, take, unpack

pytestmark = pytest.mark.covers("B17")
START = 1_790_000_000.0
RATES = st.builds(
    lambda rate, burst, day, month: Rates(rate, burst if rate else 0, day, month),
    st.integers(0, 50), st.integers(1, 50), st.integers(0, 40), st.integers(0, 60),
)  # fmt: skip
STEPS = st.lists(st.floats(0, 40_000, allow_nan=False) | st.floats(0, 0.2) | st.just(0.0), max_size=60)


@given(RATES, STEPS)
def test_no_window_lets_in_more_than_its_limit(rates: Rates, steps: list[float]) -> None:
    usage, now, passed = Usage(), START, []
    for step in steps:
        now += step
        usage, excess = take(rates, usage, now)
        if excess is None:
            passed.append(now)
        else:
            assert take(rates, usage, now + excess.seconds)[1] is None or excess.policy != "month"
            assert excess.seconds >= 1
    for index, begin in enumerate(passed):
        if rates.per_second:
            for count, end in enumerate(passed[index:], start=1):
                assert count <= rates.burst + (end - begin) * rates.per_second + 1e-3
        if rates.per_day:
            assert sum(int(at // 86_400) == int(begin // 86_400) for at in passed) <= rates.per_day


@given(RATES, st.integers(1, 200))
def test_requests_at_once_pass_up_to_the_smallest_limit(rates: Rates, tries: int) -> None:
    usage, count = Usage(), 0
    for _ in range(tries):
        usage, excess = take(rates, usage, START)
        count += excess is None
    assert count == min([tries, *(most for most in (rates.burst, rates.per_day, rates.per_month) if most)])
    assert usage.today == count


@given(RATES)
def test_packed_rates_are_read_back(rates: Rates) -> None:
    assert unpack(pack(rates)) == rates


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_text_is_rates_or_a_fault(texts: list[str]) -> None:
    found = parse_rates(texts)
    assert isinstance(found, Fault) or parse_rates(found.texts) == found
