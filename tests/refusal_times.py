"""Compares the times that a gate takes for different refusals, as dudect does (Reparaz, Balasch, Verbauwhede, 2017)."""

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from gate_database import GLOBEX, Database, basic
from simsim.credential.password import mint

# Interruptions by other programs hit any class: the slowest samples are cut off, at one time for all classes.
KEPT_SHARE = 0.9
MAX_T = 4.5
# Where the values of one credential happen to lie in memory may matter as much as their kind.
EACH = 20
MAX_MEDIAN_DIFFERENCE = 0.05


def refused_credentials(database: Database) -> dict[str, list[bytes]]:
    """Return Authorization values for each kind of refusal that a stranger must not tell apart."""
    past = datetime.now(UTC) - timedelta(days=1)
    kinds: dict[str, Callable[[], bytes]] = {
        "unknown username": lambda: basic(database.add(), GLOBEX),
        "wrong password": lambda: basic(mint()),
        "revoked": lambda: basic(database.add(revoked_at="2026-01-01 00:00:00")),
        "expired": lambda: basic(database.add(expires_at=past)),
        "paused": lambda: basic(database.add(is_paused=True)),
        "wrong address": lambda: basic(database.add(allow=("192.0.2.0/24",))),
    }
    return {kind: [make() for _ in range(EACH)] for kind, make in kinds.items()}


def measure(
    ask: Mapping[str, Sequence[Callable[[], object]]], rounds: int, clock: Callable[[], int]
) -> dict[str, list[int]]:
    """Return how long one of each took in each round, in nanoseconds by the clock, each time in another order."""
    names, order = list(ask), random.Random(1)
    for calls in ask.values():  # what a gate does for a first request only
        for call in calls:
            call()
    taken: dict[str, list[int]] = {name: [] for name in names}
    for _ in range(rounds):
        # In a fixed order, each would always find in the processor's caches what the same other one has left there.
        for name in order.sample(names, len(names)):
            call = order.choice(ask[name])
            began = clock()
            call()
            taken[name].append(clock() - began)
    return taken


def medians_differ_by(taken: Mapping[str, Sequence[int]]) -> float:
    """Return the greatest difference between the medians, as a share of the smallest."""
    medians = [statistics.median(each) for each in taken.values()]
    return max(medians) / min(medians) - 1


def greatest_t(taken: Mapping[str, Sequence[int]]) -> tuple[float, str]:
    """Return the greatest |t| of Welch's test between two of the classes, and their names."""
    limit = sorted(value for each in taken.values() for value in each)[int(KEPT_SHARE * sum(map(len, taken.values())))]
    kept = {name: [value for value in each if value <= limit] for name, each in taken.items()}
    names = list(kept)
    pairs = [(one, two) for at, one in enumerate(names) for two in names[at + 1 :]]
    return max((abs(welch_t(kept[one], kept[two])), f"{one}, {two}") for one, two in pairs)


def welch_t(one: Sequence[int], two: Sequence[int]) -> float:
    error = math.sqrt(statistics.variance(one) / len(one) + statistics.variance(two) / len(two))
    return (statistics.fmean(one) - statistics.fmean(two)) / error
