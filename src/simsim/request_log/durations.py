"""Counts durations in classes, each √2 times as wide as the last, so that any sum of counts has percentiles."""

from bisect import bisect_left
from collections.abc import Sequence

# The upper bound of each class in seconds, inclusive: 1 ms, 1.4 ms, 2 ms … 46 s. One more class holds longer requests.
BOUNDS = tuple(0.001 * 2 ** (number / 2) for number in range(32))
CLASSES = len(BOUNDS) + 1
COLUMNS = tuple(f"took_{number:02}" for number in range(CLASSES))


def class_of(seconds: float) -> int:
    """Return the number of the class in which a duration is counted."""
    return bisect_left(BOUNDS, seconds)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Return the duration in seconds that this share (0 to 1) of the requests did not exceed, or None if there are
    none.

    Requests are assumed to be spread evenly within a class, on a logarithmic scale, so the result is off by a factor of
    √2 at most, and usually by much less. For a duration above the last bound, the result is that bound.
    """
    total = sum(counts)
    if not total:
        return None
    left = share * total
    for number, count in enumerate(counts):
        if count and left <= count:
            if number == len(BOUNDS):
                return BOUNDS[-1]
            low = BOUNDS[number - 1] if number else BOUNDS[0] / 2
            return float(low * (BOUNDS[number] / low) ** (left / count))
        left -= count
    return BOUNDS[-1]
