"""The spool's lines become rows in a real database, each exactly once."""

import gc
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from request_lines import ACME, NOON, READER, Clock, SpoolOfTests, request_id
from simsim.credential import decision
from simsim.gate.spool import LOOK_SECONDS, Spool
from simsim.request_log.models import LoggedRequest, OpenRequest, SetAsideLine, SpoolPosition
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.request_log.ship import batch, save
from simsim.request_log.ship.batch import Reading
from simsim.request_log.ship.join import join
from simsim.request_log.ship.shipper import Shipper, _shipping_lock

pytestmark = [
    pytest.mark.covers("R17"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolOfTests]:
    spool = SpoolOfTests(tmp_path)
    yield spool
    spool.close()


@pytest.fixture
def shipper(tmp_path: Path, clock: Clock) -> Shipper:
    return Shipper(tmp_path, clock)


def ship_all(shipper: Shipper) -> None:
    while shipper.ship_once():
        pass


def rows() -> list[tuple[str, str, int | None]]:
    return sorted(LoggedRequest.objects.values_list("resource", "outcome", "status"))


def test_both_lines_of_a_request_are_one_row(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.decide(1)
    spool.complete(1, status=201)
    assert shipper.ship_once() == 1
    row = LoggedRequest.objects.get()
    assert (row.received_at, row.account_id, row.token_id, row.token_name) == (NOON, ACME, READER, "reader")
    assert (row.method, row.resource, row.status, row.outcome) == ("GET", "/r/1", 201, "accepted")
    assert (row.reason, row.cause, row.address) == ("ok", "ok", "203.0.113.9")
    assert (row.duration_seconds, row.bytes) == (0.25, 7)
    assert shipper.ship_once() == 0
    assert not OpenRequest.objects.exists()


def test_a_request_is_seen_before_it_ends_and_completed_later(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.decide(1)
    spool.decide(2, decision.EXPIRED)
    ship_all(shipper)
    assert rows() == [("/r/1", "unknown", None), ("/r/2", "refused", 401)]
    spool.complete(2, status=401)
    spool.complete(1)
    assert shipper.ship_once() == 2
    assert rows() == [("/r/1", "accepted", 200), ("/r/2", "refused", 401)]
    assert set(LoggedRequest.objects.values_list("duration_seconds", flat=True)) == {0.25}
    assert not OpenRequest.objects.exists()


def test_log_has_the_cause_of_each_refusal(spool: SpoolOfTests, shipper: Shipper) -> None:
    refusals = [
        decision.PASSWORD_UNKNOWN, decision.OTHER_ACCOUNT, decision.SUPERSEDED, decision.REVOKED, decision.EXPIRED,
        decision.ADDRESS_UNKNOWN, decision.ADDRESS_NOT_ALLOWED, decision.UNDECIDED,
    ]  # fmt: skip
    for number, refusal in enumerate(refusals):
        spool.decide(number, refusal)
    ship_all(shipper)
    logged = list(LoggedRequest.objects.order_by("pk").values_list("reason", "cause", "account_id"))
    assert logged == [(refusal.reason, refusal.cause, ACME) for refusal in refusals]


def test_request_that_the_gateway_answered_alone_has_its_row(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.complete(1, status=503)
    spool.complete(2, status=400)
    ship_all(shipper)
    logged = LoggedRequest.objects.order_by("resource").values_list("reason", "cause", "account_id", "received_at")
    received_at = NOON + timedelta(seconds=0.75)
    assert list(logged) == [
        ("unavailable", "gate_away", None, received_at),
        ("malformed", "bad_request", None, received_at),
    ]


def test_an_end_waits_for_its_decision_while_the_gates_lines_are_a_backlog(
    spool: SpoolOfTests, shipper: Shipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.read_gate, "__defaults__", (1,))
    for number in range(3000):
        spool.decide(number)
    spool.complete(2999)
    shipper.ship_once()
    assert OpenRequest.objects.filter(pk=request_id(2999), row_id=None).exists()
    ship_all(shipper)
    assert LoggedRequest.objects.count() == 3000
    assert LoggedRequest.objects.get(outcome="accepted").resource == "/r/2999"


def test_a_long_backlog_of_both_files_is_joined(
    spool: SpoolOfTests, shipper: Shipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.read_gateway, "__defaults__", (1,))
    second = spool.open_gate("gate-2.jsonl")
    first = spool.gate
    for number in range(4000):
        spool.gate = (first, second)[number % 2]
        spool.decide(number, at=NOON + timedelta(seconds=number))
        spool.complete(number, at=NOON + timedelta(seconds=number))
    ship_all(shipper)
    assert LoggedRequest.objects.filter(outcome="accepted").count() == 4000
    assert not OpenRequest.objects.exists()


def test_a_rename_between_two_rounds_loses_and_repeats_nothing(spool: SpoolOfTests, shipper: Shipper) -> None:
    for number in range(4):
        spool.decide(number)
    spool.complete(0)
    ship_all(shipper)
    spool.complete(1)
    current = spool.directory / "gateway.jsonl"
    current.rename(spool.directory / "gateway-1.jsonl")
    with (spool.directory / "gateway-1.jsonl").open("ab"):  # as nginx, until it reopens its log
        spool.complete(2, name="gateway-1.jsonl")
        ship_all(shipper)
        spool.complete(3)
        ship_all(shipper)
        assert (spool.directory / "gateway-1.jsonl").exists()
    ship_all(shipper)
    assert rows() == [(f"/r/{number}", "accepted", 200) for number in range(4)]
    assert not (spool.directory / "gateway-1.jsonl").exists()
    assert SpoolPosition.objects.count() == 2


def test_a_gates_file_is_deleted_and_forgotten_once_it_is_shipped_and_free(
    spool: SpoolOfTests, shipper: Shipper
) -> None:
    spool.decide(1)
    ship_all(shipper)
    assert (spool.directory / "gate-1.jsonl").exists()
    spool.decide(2)
    spool.close()
    ship_all(shipper)
    assert LoggedRequest.objects.count() == 2
    assert not list(spool.directory.glob("gate-*"))
    assert not SpoolPosition.objects.exists()


def test_truncation_starts_a_new_file(spool: SpoolOfTests, shipper: Shipper) -> None:
    for number in range(3):
        spool.decide(number)
    spool.complete(0)
    spool.complete(1)
    ship_all(shipper)
    (spool.directory / "gateway.jsonl").write_bytes(b"")
    ship_all(shipper)
    spool.complete(2)
    ship_all(shipper)
    assert rows() == [(f"/r/{number}", "accepted", 200) for number in range(3)]


def test_a_copy_is_not_shipped_again_even_when_the_first_is_gone(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.complete(1, status=503)
    ship_all(shipper)
    copy = spool.directory / "gateway-1.jsonl"
    copy.write_bytes((spool.directory / "gateway.jsonl").read_bytes())
    ship_all(shipper)
    ship_all(shipper)
    assert not copy.exists()
    assert LoggedRequest.objects.count() == 1


def test_half_a_line_waits_and_a_broken_line_is_set_aside(spool: SpoolOfTests, shipper: Shipper) -> None:
    secret = "sim_" + "a" * 49
    spool.decide(1)
    spool.gate.write(b'{"no": "line"}\n\xff\xfe\0' + secret.encode() + b"\n")
    spool.decide(2)
    spool.gate.write(b'{"id":"' + request_id(3).encode())
    ship_all(shipper)
    assert [resource for resource, *_ in rows()] == ["/r/1", "/r/2"]
    assert [line.text for line in SetAsideLine.objects.order_by("offset")] == [
        '{"no": "line"}', "\ufffd\ufffd\ufffdsim_***",
    ]  # fmt: skip
    # The writer died, and the next one goes on in the same file.
    spool.decide(4)
    ship_all(shipper)
    assert [resource for resource, *_ in rows()] == ["/r/1", "/r/2", "/r/4"]
    assert SetAsideLine.objects.count() == 3
    assert not re.search(r"sim_a", str(list(SetAsideLine.objects.values())))


def test_file_of_rubbish_is_set_aside_and_deleted(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.gate.write(b"rubbish\n\nhalf")
    ship_all(shipper)
    assert not SetAsideLine.objects.exists()
    spool.close()
    ship_all(shipper)
    assert [line.text for line in SetAsideLine.objects.order_by("offset")] == ["rubbish", "half"]
    assert not list(spool.directory.glob("gate-*"))


def test_made_up_ids_block_nothing_and_hide_nothing(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.decide(1)
    ship_all(shipper)
    spool.decide(1)
    spool.decide(1)
    spool.complete(1)
    ship_all(shipper)
    spool.complete(1)
    spool.complete(1)
    ship_all(shipper)
    assert LoggedRequest.objects.filter(account_id=ACME).count() == 3
    assert LoggedRequest.objects.filter(duration_seconds=0.25).count() == 3


def test_only_one_of_two_workers_stores_the_lines_that_both_read(spool: SpoolOfTests) -> None:
    def read() -> Reading:
        found = Reading(save.positions())
        found.read_gateway(spool.directory)
        found.read_gate(spool.directory)
        return found

    for number in range(2):  # the first time the file is new, the second time it is known
        spool.decide(number)
        first, second = read(), read()
        for found in (first, second):
            changes = join(found.decided, found.completed, {}, is_gate_read_to_its_end=True, now=NOON)
            if found is first:
                save.save(changes, found, spool="s", now=NOON)
            else:
                with pytest.raises(save.Overtaken):
                    save.save(changes, found, spool="s", now=NOON)
        assert LoggedRequest.objects.count() == number + 1


def test_a_second_worker_waits_for_the_first(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.decide(1)
    with _shipping_lock(spool.directory) as name:
        assert name is not None
        assert shipper.ship_once() == 0
    assert shipper.ship_once() == 1
    with _shipping_lock(spool.directory) as again:
        assert again == name


def test_requests_that_never_end_are_closed(spool: SpoolOfTests, shipper: Shipper, clock: Clock) -> None:
    spool.decide(1)
    spool.decide(2, decision.EXPIRED)
    ship_all(shipper)
    clock.now += timedelta(hours=1, seconds=1)
    shipper.ship_once()
    assert OpenRequest.objects.get().request_id == request_id(1)
    clock.now += timedelta(days=7)
    shipper.ship_once()
    assert not OpenRequest.objects.exists()
    assert rows() == [("/r/1", "unknown", None), ("/r/2", "refused", 401)]


def test_many_requests_that_never_end_are_closed_in_small_steps(
    spool: SpoolOfTests, shipper: Shipper, clock: Clock
) -> None:
    for number in range(2000):
        spool.decide(number, decision.REVOKED)
    ship_all(shipper)
    clock.now += timedelta(hours=1, seconds=1)
    left = []
    while OpenRequest.objects.exists():
        shipper.ship_once()
        left.append(OpenRequest.objects.count())
    assert left == [1100, 200, 0]


@pytest.mark.covers("B9")
def test_without_a_gateway_no_end_is_waited_for(spool: SpoolOfTests, shipper: Shipper) -> None:
    (spool.directory / "gateway.jsonl").unlink()
    spool.decide(1)
    spool.decide(2, decision.EXPIRED)
    ship_all(shipper)
    assert rows() == [("/r/1", "unknown", None), ("/r/2", "refused", 401)]
    assert not OpenRequest.objects.exists()


def test_a_copy_made_before_its_lines_were_shipped_is_shipped_once(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.complete(1, status=503)
    copy = spool.directory / "gateway-1.jsonl"
    copy.write_bytes((spool.directory / "gateway.jsonl").read_bytes())
    spool.complete(2, status=503)
    ship_all(shipper)
    assert [resource for resource, *_ in rows()] == ["/r/1", "/r/2"]
    spool.complete(3, status=503)
    ship_all(shipper)
    assert [resource for resource, *_ in rows()] == ["/r/1", "/r/2", "/r/3"]


def test_overtaken_worker_stores_nothing_and_continues(spool: SpoolOfTests, tmp_path: Path) -> None:
    def overtaken() -> datetime:
        # What another worker does that this one's lock does not reach, between reading the positions and storing.
        known = Reading(save.positions())
        known.read_gate(tmp_path)
        if not SpoolPosition.objects.exists():
            changes = join(known.decided, [], {}, is_gate_read_to_its_end=True, now=NOON)
            save.save(changes, known, spool="another", now=NOON)
        return NOON

    spool.decide(1)
    shipper = Shipper(tmp_path, overtaken)
    assert shipper.ship_once() == 0
    assert LoggedRequest.objects.count() == 1
    spool.decide(2)
    assert shipper.ship_once() == 1


@pytest.mark.covers("B5")
def test_the_last_use_is_the_last_accepted_request(spool: SpoolOfTests, shipper: Shipper) -> None:
    spool.decide(1, at=NOON + timedelta(seconds=5), address="198.51.100.7")
    spool.decide(2, at=NOON)
    ship_all(shipper)
    spool.decide(3, at=NOON + timedelta(seconds=2))
    spool.decide(4, decision.REVOKED, at=NOON + timedelta(seconds=9))
    ship_all(shipper)
    assert last_uses([READER, ACME]) == {READER: LastUse(NOON + timedelta(seconds=5), "198.51.100.7")}


def test_ids_follow_time_within_one_batch(spool: SpoolOfTests, shipper: Shipper) -> None:
    for number in (3, 1, 2):
        spool.decide(number, at=NOON + timedelta(seconds=number))
        spool.complete(number)
    ship_all(shipper)
    assert list(LoggedRequest.objects.order_by("pk").values_list("resource", flat=True)) == ["/r/1", "/r/2", "/r/3"]


def test_missing_spool_leaves_nothing_to_do(tmp_path: Path) -> None:
    assert Shipper(tmp_path / "none").ship_once() == 0


def test_lines_shipped_without_a_clock_of_tests_are_stored(spool: SpoolOfTests) -> None:
    spool.decide(1)
    assert Shipper(spool.directory).ship_once() == 1
    assert OpenRequest.objects.get().opened_at > datetime(2026, 1, 1, tzinfo=UTC)
    assert batch.COMPLETED_BYTES > 0


@pytest.mark.parametrize("is_enabled", [True, False])
def test_shipping_leaves_the_garbage_collector_as_it_was(spool: SpoolOfTests, is_enabled: bool) -> None:
    def fail() -> datetime:
        assert not gc.isenabled()
        raise OSError("no clock")

    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with pytest.raises(OSError, match="no clock"):
            Shipper(spool.directory, fail).ship_once()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("shipped_before", [0, 1, 2])
def test_deleted_file_of_the_gate_loses_and_repeats_no_line(
    tmp_path: Path, shipper: Shipper, shipped_before: int
) -> None:
    source = tmp_path / "lines"
    source.mkdir()
    written = SpoolOfTests(source)
    for number in range(4):
        written.decide(number)
    written.close()
    lines = [line for path in sorted(source.glob("gate-*")) for line in path.read_bytes().splitlines(keepends=True)]
    gate = Spool(tmp_path)
    for line in lines[:shipped_before]:
        gate.append(line)
    ship_all(shipper)
    for line in lines[shipped_before:2]:
        gate.append(line)
    for path in tmp_path.glob("gate-*"):
        path.unlink()
    gate.append(lines[2])
    ship_all(shipper)
    time.sleep(2 * LOOK_SECONDS)
    gate.append(lines[3])
    ship_all(shipper)
    gate.close()
    ship_all(shipper)
    assert [resource for resource, _, _ in rows()] == ["/r/0", "/r/1", "/r/2", "/r/3"]
    assert not list(tmp_path.glob("gate-*"))
