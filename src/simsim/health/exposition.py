"""The text of `/metrics`, in the exposition format of Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from itertools import accumulate

from django.db import DatabaseError, connections
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from simsim.credential.decision import Reason
from simsim.gate.decision_times import BOUNDS
from simsim.health import installation, node
from simsim.health import metric_list as metrics
from simsim.health.metric_list import Metric
from simsim.request_log.node_totals import TotalKind
from simsim.webhooks.backlog import webhook_backlog

Samples = Iterable[tuple[tuple[str, ...], float]]


def exposition(now: datetime) -> bytes:
    """Return every metric as of `now`. A part that needs a database that does not answer is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Parts(now))
    return generate_latest(registry)


class _Parts(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Family]:
        parts: tuple[Callable[[datetime], Iterator[Family]], ...] = (
            _node, _programs, _shipped, _databases, _workers, _mail, _forwarding, _webhooks, _tokens, _clocks,
        )  # fmt: skip
        for part in parts:
            try:
                yield from list(part(self._now))
            except DatabaseError:  # `simsim_database_up` says so
                continue


def _family(metric: Metric, samples: Samples) -> Family:
    make = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _single(metric: Metric, value: float) -> Family:
    return _family(metric, [((), value)])


def _node(_now: datetime) -> Iterator[Family]:
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    vendor = connections["default"].vendor
    yield _family(metrics.BUILD, [((version("simsim"), names.get(vendor, vendor)), 1)])
    yield _single(metrics.GATE_READY, node.is_gate_ready())
    if found := node.disk():
        yield _single(metrics.SPOOL, found.spool_bytes)
        yield _single(metrics.DISK_FREE, found.free_bytes)
        yield _single(metrics.DISK_SIZE, found.size_bytes)
        yield _single(metrics.RESERVE, found.has_reserve)


def _programs(_now: datetime) -> Iterator[Family]:
    served = node.served_here()
    if served is None:
        return
    found = {(each.state.name,): each for each in node.programs(served)}
    running = served.is_running
    yield _family(metrics.RUNNING, ((name, running and each.state.due_at is None) for name, each in found.items()))
    yield _family(metrics.FAILURES, ((name, each.state.failures) for name, each in found.items()))
    began = {name: each.state.started_at for name, each in found.items()}
    yield _family(metrics.STARTED, ((name, at.timestamp()) for name, at in began.items() if at))
    families = {name: each.family for name, each in found.items() if each.family}
    yield _family(metrics.PROCESSES, ((name, each.processes) for name, each in families.items()))
    yield _family(metrics.RESIDENT, ((name, each.resident_bytes) for name, each in families.items()))


def _shipped(now: datetime) -> Iterator[Family]:
    totals = node.shipped()
    # A counter that begins at 0 lets `rate()` see its first step.
    decided = {reason.value: 0.0 for reason in Reason}
    decided |= {label: amount for (kind, label), amount in totals.items() if kind == TotalKind.DECISIONS}
    yield _family(metrics.DECISIONS, (((reason,), amount) for reason, amount in decided.items()))
    for metric, kind in (
        (metrics.LINES, TotalKind.LINES),
        (metrics.SET_ASIDE, TotalKind.LINES_SET_ASIDE),
        (metrics.MISSED, TotalKind.MISSED_REQUESTS),
    ):
        yield _single(metric, totals.get((kind, ""), 0.0))
    yield _histogram(totals)
    waits = node.unshipped()
    yield _single(metrics.LAG, _age(waits.since if waits else None, now))
    yield _single(metrics.UNSHIPPED, waits.size_bytes if waits else 0)


def _histogram(totals: Mapping[tuple[str, str], float]) -> Family:
    counts = [totals.get((TotalKind.MEASURED, str(nth)), 0.0) for nth in range(len(BOUNDS) + 1)]
    names = [*map(floatToGoString, BOUNDS), "+Inf"]
    family = HistogramMetricFamily(metrics.DECISION_SECONDS.name, metrics.DECISION_SECONDS.help)
    family.add_metric(
        (), list(zip(names, accumulate(counts), strict=True)), totals.get((TotalKind.MEASURED_SECONDS, ""), 0.0)
    )
    return family


def _databases(_now: datetime) -> Iterator[Family]:
    sizes: dict[tuple[str, ...], int | None] = {}
    for alias in connections:
        try:
            sizes[alias,] = installation.database_bytes(alias)
        except DatabaseError:
            sizes[alias,] = None
    yield _family(metrics.DATABASE_UP, ((alias, size is not None) for alias, size in sizes.items()))
    yield _family(metrics.DATABASE_SIZE, ((alias, size) for alias, size in sizes.items() if size is not None))


def _workers(now: datetime) -> Iterator[Family]:
    found = {(each.row.host, each.row.node[:8]): each for each in installation.workers(now) if not each.is_stopped}
    yield _family(metrics.SILENCE, ((name, each.silence.total_seconds()) for name, each in found.items()))
    yield _family(metrics.FAILING_JOBS, ((name, len(each.row.failing)) for name, each in found.items()))
    lags = ((name, each.unshipped.total_seconds() if each.unshipped else 0) for name, each in found.items())
    yield _family(metrics.WORKER_LAG, lags)


def _mail(now: datetime) -> Iterator[Family]:
    found = installation.mail_queue(now)
    yield _single(metrics.MAIL_WAITING, found.waiting)
    yield _single(metrics.MAIL_OLDEST, _age(found.oldest, now))
    yield _single(metrics.MAIL_GIVEN_UP, found.given_up)


def _forwarding(now: datetime) -> Iterator[Family]:
    if found := installation.forwarding_queue(now):
        yield _single(metrics.FORWARD_WAITING, found.waiting)
        yield _single(metrics.FORWARD_OLDEST, _age(found.oldest, now))
        yield _single(metrics.FORWARD_LOST, found.lost)


def _webhooks(now: datetime) -> Iterator[Family]:
    found = webhook_backlog(now=now)
    yield _single(metrics.WEBHOOKS_WAITING, found.waiting)
    yield _single(metrics.WEBHOOKS_LAG, _age(found.due_since, now))
    yield _single(metrics.WEBHOOKS_PAUSED, found.paused)


def _tokens(now: datetime) -> Iterator[Family]:
    found = installation.token_counts(now)
    yield _single(metrics.ACCOUNTS, found.accounts)
    yield _single(metrics.TOKENS, found.active)
    yield _family(metrics.EXPIRING, (((str(days),), number) for days, number in found.expiring.items()))


def _clocks(now: datetime) -> Iterator[Family]:
    yield _single(metrics.CLOCK_JUMPS, installation.clock_jumps(now))
    yield _single(metrics.RESTORED, installation.is_restored(now))


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
