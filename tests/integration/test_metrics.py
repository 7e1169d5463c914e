"""`/metrics` tells operators how an installation is, and strangers nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from request_lines import SpoolOfTests
from simsim.credential import allowlist
from simsim.credential.decision import PASSWORD_UNKNOWN, REVOKED
from simsim.gate.decision_times import DecisionTimes
from simsim.health import metric_list
from simsim.health.access import MetricsAccess
from simsim.health.endpoint import MetricsEndpoint
from simsim.health.exposition import exposition
from simsim.request_log.models import LoggedRequest
from simsim.request_log.ship.shipper import Shipper

pytestmark = pytest.mark.django_db(databases="__all__")
TOKEN = "a-token-of-the-tests-and-of-nothing-else"
Samples = dict[str, float]


def samples(now: datetime) -> Samples:
    """Return the value of each sample of the exposition by its name and labels."""
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(now).decode())
        for sample in family.samples
    }


@pytest.fixture
def spool(settings: Settings, tmp_path: Path) -> Iterator[SpoolOfTests]:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    (tmp_path / "spool").mkdir()
    writes = SpoolOfTests(tmp_path / "spool")
    yield writes
    writes.close()


@pytest.mark.covers("B21")
def test_decisions_are_counted_as_they_are_shipped_and_never_twice(spool: SpoolOfTests, now: datetime) -> None:
    spool.decide(1, at=now - timedelta(seconds=90))
    spool.decide(2, REVOKED, at=now)
    spool.decide(3, PASSWORD_UNKNOWN, at=now)
    spool.complete(1, at=now)
    spool.gate.write(b"no line of ours\n")
    before = samples(now)
    assert before["simsim_decisions_total{reason=ok}"] == 0
    assert before["simsim_log_lag_seconds"] == pytest.approx(90, abs=1)
    assert before["simsim_log_unshipped_bytes"] > 300
    shipper = Shipper(spool.directory, lambda: now)
    while shipper.ship_once():
        pass
    after = samples(now)
    expected = {"ok": 1, "revoked": 1, "unknown_credentials": 1, "expired": 0}
    assert {reason: after[f"simsim_decisions_total{{reason={reason}}}"] for reason in expected} == expected
    assert (after["simsim_log_lines_shipped_total"], after["simsim_log_lines_set_aside_total"]) == (4, 1)
    assert (after["simsim_log_lag_seconds"], after["simsim_log_unshipped_bytes"]) == (0, 0)
    assert LoggedRequest.objects.count() == 3


@pytest.mark.covers("B21")
def test_decision_times_of_processes_that_have_ended_are_kept(spool: SpoolOfTests, now: datetime) -> None:
    times = DecisionTimes()
    began = now.timestamp()
    for seconds in (0.000_02, 0.000_3, 0.000_3, 7.0):
        times.add(began, began + seconds)
    assert times.report(began + 1) is None
    line = times.report(began + 20)
    assert line is not None
    for _ in range(2):  # two processes
        spool.gate.write(line)
    spool.close()
    Shipper(spool.directory, lambda: now).ship_once()
    assert not list(spool.directory.glob("gate-*"))
    found = samples(now)
    bounds = {"2.5e-05": 2, "0.00025": 2, "0.001": 6, "1.0": 6, "+Inf": 8}
    assert {bound: found[f"simsim_decision_seconds_bucket{{le={bound}}}"] for bound in bounds} == bounds
    assert found["simsim_decision_seconds_count"] == 8
    assert found["simsim_decision_seconds_sum"] == pytest.approx(2 * 7.000_62)
    assert found["simsim_log_lines_set_aside_total"] == 0


@pytest.mark.covers("B21")
def test_strangers_find_no_such_path() -> None:
    near = allowlist.pack([ip_network("127.0.0.1"), ip_network("10.1.0.0/16")])
    trusted = allowlist.pack([ip_network("10.9.9.9")])
    bearer = [(b"authorization", b"Bearer " + TOKEN.encode())]
    wrong = [(b"authorization", b"Bearer " + TOKEN.encode()[:-1])]

    def through(address: bytes) -> list[tuple[bytes, bytes]]:
        return [(b"x-forwarded-for", address)]

    closed = MetricsAccess(b"", "", trusted)
    by_network, by_token = MetricsAccess(near, "", trusted), MetricsAccess(b"", TOKEN, trusted)
    by_both = MetricsAccess(near, TOKEN, trusted)
    cases: list[tuple[MetricsAccess, str | None, list[tuple[bytes, bytes]], bool]] = [
        (closed, "127.0.0.1", bearer, False),
        (closed, None, [], False),
        (by_network, "127.0.0.1", [], True),
        (by_network, "10.1.2.3", [], True),
        (by_network, "10.2.2.3", bearer, False),
        (by_network, "10.9.9.9", through(b"10.1.2.3"), True),
        (by_network, "10.9.9.9", through(b"127.0.0.1, 203.0.113.9"), False),
        # A proxy on this machine that is not in SIMSIM_TRUSTED_PROXIES hides who calls.
        (by_network, "127.0.0.1", through(b"127.0.0.1"), False),
        (by_network, "127.0.0.1", [(b"via", b"1.1 proxy")], False),
        (by_token, "203.0.113.9", bearer, True),
        (by_token, "127.0.0.1", [], False),
        (by_token, "127.0.0.1", wrong, False),
        (by_token, "127.0.0.1", [*bearer, *bearer], False),
        (by_token, "127.0.0.1", [(b"authorization", b"Basic " + TOKEN.encode())], False),
        (by_both, "127.0.0.1", bearer, True),
        (by_both, "127.0.0.1", [], False),
        (by_both, "203.0.113.9", bearer, False),
    ]
    for access, peer, headers, is_given in cases:
        assert access.is_given(peer, headers) is is_given, (peer, headers)
        assert TOKEN not in repr(access)
        scope: dict[str, Any] = {"client": (peer, 1) if peer else None, "headers": headers, "method": "GET"}
        assert MetricsEndpoint(access).takes(scope | {"path": "/metrics"}) is is_given
        assert not MetricsEndpoint(access).takes(scope | {"path": "/metrics/"})
        assert not MetricsEndpoint(access).takes(scope | {"path": "/metrics", "method": "POST"})


def test_every_listed_metric_is_exposed_and_no_other(spool: SpoolOfTests, now: datetime) -> None:
    listed = {each.name: each for each in (*metric_list.NODE_METRICS, *metric_list.INSTALLATION_METRICS)}
    families = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(exposition(now).decode())
    }
    only_while_served = {name for name in listed if name.startswith("simsim_program_")}
    only_with_a_receiver = {name for name in listed if name.startswith("simsim_forwarding_")}
    assert set(listed) - set(families) == only_while_served | only_with_a_receiver
    for name, family in families.items():
        assert (family.type, family.documentation) == (listed[name].kind, listed[name].help)


@pytest.mark.covers("B21")
def test_no_row_of_the_log_is_read(spool: SpoolOfTests, now: datetime) -> None:
    """So the log's size does not matter: tests/proof/test_metrics_at_full_size.py measures it with ten million rows."""
    spool.decide(1, at=now)
    Shipper(spool.directory, lambda: now).ship_once()
    with ExitStack() as captured:
        queries = [captured.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections]
        exposition(now)
        asked = [each["sql"] for found in queries for each in found.captured_queries]
    assert 10 < len(asked) < 40
    assert not [sql for sql in asked if "loggedrequest" in sql]
