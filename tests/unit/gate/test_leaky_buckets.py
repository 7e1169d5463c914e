"""Buckets leak as they say, for any number of sources in the same memory."""

import resource

import pytest

from simsim.gate.leaky_buckets import BYTES, LeakyBuckets, cells_of

NOW = 1_800_000_000.0
pytestmark = pytest.mark.covers("R16")


def test_bucket_takes_what_it_holds_at_once_and_then_as_much_as_it_loses() -> None:
    buckets, cells = LeakyBuckets(300), cells_of(b"one")
    assert [buckets.take(cells, NOW) for _ in range(301)] == [True] * 300 + [False]
    assert buckets.wait(cells, NOW) == pytest.approx(0.2)
    assert [buckets.take(cells, NOW + 1) for _ in range(6)] == [True] * 5 + [False]
    assert buckets.wait(cells_of(b"another"), NOW + 1) == 0.0


def test_refused_drop_does_not_prolong_the_wait() -> None:
    buckets, cells = LeakyBuckets(1), cells_of(b"one")
    assert buckets.take(cells, NOW)
    for second in range(60):
        assert not buckets.take(cells, NOW + second)
        assert buckets.wait(cells, NOW + second) == pytest.approx(60 - second)
    assert buckets.take(cells, NOW + 60)


def test_clock_that_is_set_back_empties_the_bucket() -> None:
    buckets, cells = LeakyBuckets(2), cells_of(b"one")
    buckets.add(cells, NOW)
    buckets.add(cells, NOW)
    assert not buckets.take(cells, NOW)
    assert buckets.take(cells, NOW - 3600)
    assert [buckets.take(cells, NOW - 3600) for _ in range(2)] == [True, False]


def test_two_hundred_thousand_sources_take_no_more_memory_and_keep_nobody_else_waiting() -> None:
    buckets = LeakyBuckets(300)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(200_000):
        buckets.take(cells_of(number.to_bytes(16, "big")), NOW + number / 20_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * BYTES / 1024
    strangers = (cells_of(b"stranger %d" % number) for number in range(1000))
    assert sum(buckets.wait(cells, NOW + 10) > 0 for cells in strangers) == 0


def test_hundred_floods_keep_nobody_else_waiting() -> None:
    buckets = LeakyBuckets(300)
    for number in range(100):
        cells = cells_of(b"flood %d" % number)
        while buckets.take(cells, NOW):
            pass
    strangers = (cells_of(b"stranger %d" % number) for number in range(10_000))
    assert sum(buckets.wait(cells, NOW) > 0 for cells in strangers) == 0
