"""What other proxies and a middleware tell reaches a real database, each end once, whatever happens to the files."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from request_lines import NOON, Clock, SpoolOfTests, request_id
from simsim.credential import decision
from simsim.gate.spool import ENDS, Spool
from simsim.request_log import gaps
from simsim.request_log.gaps import LogGap, Missing
from simsim.request_log.models import LoggedRequest, OpenRequest, SetAsideLine, SpoolPosition
from simsim.request_log.ship.batch import Reading
from simsim.request_log.ship.lines import Completed, completed_line
from simsim.request_log.ship.proxy_files import FORGOTTEN_AFTER
from simsim.request_log.ship.proxy_formats import AccessLog, parse_access_log
from simsim.request_log.ship.shipper import Shipper

pytestmark = [
    pytest.mark.covers("R17"),
    pytest.mark.django_db(databases=sorted({"default", settings.REQUEST_LOG_ALIAS})),
]


class Proxy:
    """A proxy that writes an access log as Caddy does, in a folder of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.path = directory / "access.json"
        self.path.touch()

    def line(self, number: int, status: int = 200, **more: object) -> bytes:
        said = {
            "level": "info", "ts": NOON.timestamp() + 1 + number / 1000, "duration": 0.25, "size": 7, "status": status,
            "request": {"client_ip": "203.0.113.9", "method": "GET", "uri": f"/r/{number}?q=1"},
            "request_id": request_id(number),
        }  # fmt: skip
        return json.dumps(said | more, separators=(",", ":")).encode() + b"\n"

    def complete(self, number: int, status: int = 200, **more: object) -> None:
        with self.path.open("ab") as file:
            file.write(self.line(number, status, **more))

    def log(self, *, is_all_ours: bool = False) -> AccessLog:
        return parse_access_log(f"caddy:{'all:' if is_all_ours else ''}{self.path}")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolOfTests]:
    directory = tmp_path / "spool"
    directory.mkdir()
    spool = SpoolOfTests(directory)
    (directory / "gateway.jsonl").unlink()
    yield spool
    spool.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return Proxy(tmp_path / "proxy")


@pytest.fixture
def shipper(spool: SpoolOfTests, proxy: Proxy, clock: Clock) -> Shipper:
    return Shipper(spool.directory, clock, [proxy.log()])


def ship_all(shipper: Shipper) -> None:
    while shipper.ship_once():
        pass


def rows() -> list[tuple[str, str, int | None]]:
    return sorted(LoggedRequest.objects.values_list("resource", "outcome", "status"))


def accepted(*numbers: int) -> list[tuple[str, str, int | None]]:
    return sorted((f"/r/{number}", "accepted", 200) for number in numbers)


def test_an_end_from_an_access_log_completes_the_row_of_its_decision(
    spool: SpoolOfTests, proxy: Proxy, shipper: Shipper
) -> None:
    spool.decide(1)
    spool.decide(2, decision.EXPIRED)
    ship_all(shipper)
    assert rows() == [("/r/1", "unknown", None), ("/r/2", "refused", 401)]
    proxy.complete(1, 404)
    proxy.complete(2, 401)
    ship_all(shipper)
    assert rows() == [("/r/1", "accepted", 404), ("/r/2", "refused", 401)]
    assert set(LoggedRequest.objects.values_list("duration_seconds", "bytes")) == {(0.25, 7)}
    assert not OpenRequest.objects.exists()


def test_an_end_without_a_decision_is_ignored_and_never_doubles_a_row(
    spool: SpoolOfTests, proxy: Proxy, shipper: Shipper
) -> None:
    proxy.complete(9)
    proxy.complete(8, request_id=None)
    spool.decide(1)
    proxy.complete(1)
    proxy.complete(1)
    ship_all(shipper)
    proxy.complete(1)
    ship_all(shipper)
    assert rows() == accepted(1)
    assert not OpenRequest.objects.exists()
    assert not SetAsideLine.objects.exists()


def test_if_all_passes_the_gate_an_end_without_a_decision_has_its_row(
    spool: SpoolOfTests, proxy: Proxy, clock: Clock
) -> None:
    shipper = Shipper(spool.directory, clock, [proxy.log(is_all_ours=True)])
    proxy.complete(9, 502)
    proxy.complete(8, request_id=None)
    ship_all(shipper)
    assert rows() == [("/r/9", "refused", 502)]


@pytest.mark.parametrize("is_all_ours", [True, False])
def test_an_end_waits_for_its_decision_while_the_gates_lines_are_a_backlog(
    spool: SpoolOfTests, proxy: Proxy, clock: Clock, monkeypatch: pytest.MonkeyPatch, is_all_ours: bool
) -> None:
    monkeypatch.setattr(Reading.read_gate, "__defaults__", (1,))
    shipper = Shipper(spool.directory, clock, [proxy.log(is_all_ours=is_all_ours)])
    for number in range(3000):
        spool.decide(number)
    proxy.complete(2999)
    proxy.complete(5000, 502)
    shipper.ship_once()
    assert OpenRequest.objects.filter(row_id=None).count() == 2
    ship_all(shipper)
    assert LoggedRequest.objects.count() == 3000 + is_all_ours
    assert LoggedRequest.objects.get(outcome="accepted").resource == "/r/2999"
    assert not OpenRequest.objects.filter(row_id=None).exists()


@pytest.mark.parametrize("is_all_ours", [True, False])
def test_rotation_by_renaming_loses_and_repeats_nothing(
    spool: SpoolOfTests, proxy: Proxy, clock: Clock, is_all_ours: bool
) -> None:
    shipper = Shipper(spool.directory, clock, [proxy.log(is_all_ours=is_all_ours)])
    for number in range(5):
        spool.decide(number)
    proxy.complete(0)
    ship_all(shipper)
    proxy.complete(1)
    old = proxy.path.with_name("access.json.1")
    with proxy.path.open("ab") as writer:
        proxy.path.rename(old)
        ship_all(shipper)
        writer.write(proxy.line(2))  # until the proxy reopens its log
        writer.flush()
        proxy.complete(3)
        ship_all(shipper)
        writer.write(proxy.line(4)[:-1])
    for _ in range(3):
        ship_all(shipper)
    older = old.rename(proxy.path.with_name("access.json.2"))
    ship_all(Shipper(spool.directory, clock, [proxy.log(is_all_ours=is_all_ours)]))
    assert rows() == accepted(*range(5))
    assert older.exists()


@pytest.mark.parametrize("is_all_ours", [True, False])
@pytest.mark.parametrize("mode", ["ab", "wb"])
def test_rotation_by_copying_and_truncating_loses_and_repeats_nothing(
    spool: SpoolOfTests, proxy: Proxy, clock: Clock, is_all_ours: bool, mode: str
) -> None:
    shipper = Shipper(spool.directory, clock, [proxy.log(is_all_ours=is_all_ours)])
    for number in range(300):
        spool.decide(number)
    with proxy.path.open(mode, buffering=0) as writer:
        for number in range(100):
            writer.write(proxy.line(number))
        ship_all(shipper)
        for number in range(100, 200):
            writer.write(proxy.line(number))
        data = proxy.path.read_bytes()
        third = len(data) // 3
        with proxy.path.with_name("access.json.1").open("wb", buffering=0) as copier:
            for part in (data[:50], data[50:third], data[third:]):
                copier.write(part)
                ship_all(shipper)
        os.truncate(proxy.path, 0)
        ship_all(shipper)
        for number in range(200, 300):
            writer.write(proxy.line(number))
            if not number % 40:
                ship_all(shipper)
    ship_all(shipper)
    ship_all(Shipper(spool.directory, clock, [proxy.log(is_all_ours=is_all_ours)]))
    assert rows() == accepted(*range(300))
    assert not SetAsideLine.objects.exists()


def test_half_a_line_waits_and_an_invalid_line_is_set_aside(
    spool: SpoolOfTests, proxy: Proxy, shipper: Shipper
) -> None:
    for number in range(3):
        spool.decide(number)
    proxy.complete(0)
    secret = "c2ltX3NlY3JldA=="
    with proxy.path.open("ab", buffering=0) as writer:
        writer.write(b'no line ?q=%s "Authorization":["Basic %s"]\n' % (secret.encode(), secret.encode()))
        whole = proxy.line(1)
        writer.write(whole[:30])
        ship_all(shipper)
        assert [row for row in rows() if row[1] == "accepted"] == accepted(0)
        writer.write(whole[30:])
        ship_all(shipper)
        writer.write(b'{"level":"info","ts":17' + proxy.line(2))  # the proxy died, and was started again
        ship_all(shipper)
    assert rows() == accepted(0, 1, 2)
    (aside, half) = SetAsideLine.objects.order_by("pk")
    assert (aside.name, aside.offset) == ("access.json", len(proxy.line(0)))
    assert secret not in aside.text
    assert half.text == '{"level":"info","ts":17'


def test_log_without_lines_for_us_is_read_without_a_pause(
    spool: SpoolOfTests, proxy: Proxy, shipper: Shipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.read_access_logs, "__defaults__", (1,))
    with proxy.path.open("ab") as writer:
        writer.write(b"".join(proxy.line(number, request_id=None) for number in range(5000)))
    assert shipper.ship_once() == 1
    spool.decide(1)
    proxy.complete(1)
    ship_all(shipper)
    assert rows() == accepted(1)


def test_only_the_position_of_a_missing_file_is_forgotten(
    spool: SpoolOfTests, proxy: Proxy, shipper: Shipper, clock: Clock
) -> None:
    proxy.complete(1)
    proxy.path.rename(proxy.path.with_name("access.json.1"))
    proxy.complete(2)
    spool.decide(3)
    ship_all(shipper)
    assert SpoolPosition.objects.count() == 3
    proxy.path.with_name("access.json.1").unlink()
    for _ in range(2):
        clock.now += FORGOTTEN_AFTER
        shipper.ship_once()
    assert sorted(SpoolPosition.objects.values_list("name", flat=True)) == ["access.json", "gate-1.jsonl"]


def test_unreadable_access_log_delays_nothing(spool: SpoolOfTests, tmp_path: Path, clock: Clock) -> None:
    shipper = Shipper(spool.directory, clock, [parse_access_log(f"envoy:{tmp_path}")])
    spool.decide(1)
    ship_all(shipper)
    assert rows() == [("/r/1", "unknown", None)]


@pytest.mark.covers("R17", "B9")
def test_ends_from_a_middleware_complete_their_rows_and_its_file_is_deleted(spool: SpoolOfTests, clock: Clock) -> None:
    ends, shipper = Spool(spool.directory, stem=ENDS), Shipper(spool.directory, clock)
    ends.open()
    for number in range(3):
        spool.decide(number)
    ship_all(shipper)
    assert OpenRequest.objects.count() == 3
    for number in range(2):
        end = Completed(request_id(number), NOON + timedelta(seconds=1), 0.25, 200, 7, "GET", f"/r/{number}", None)
        ends.append(completed_line(end).encode() + b"\n")
    ship_all(shipper)
    assert list(spool.directory.glob("ends-*"))
    ends.close()
    ship_all(shipper)
    assert rows() == sorted([*accepted(0, 1), ("/r/2", "unknown", None)])
    assert not list(spool.directory.glob("ends-*"))
    assert [position.name for position in SpoolPosition.objects.all()] == ["gate-1.jsonl"]


def test_gap_that_a_gate_reports_is_stored_once_and_shown(spool: SpoolOfTests, clock: Clock) -> None:
    shipper = Shipper(spool.directory, clock)
    spool.decide(1)
    for number, lost in ((1, 5), (2, 2)):
        spool.gate.write(
            b'{"id":"%032x","gap":%d,"from":%d.5,"until":%d.5}\n' % (number, lost, 100 * number, 100 * number + 9)
        )
    spool.decide(2)
    ship_all(shipper)
    ship_all(shipper)
    assert LogGap.objects.count() == 2
    assert LoggedRequest.objects.count() == 2
    assert not SetAsideLine.objects.exists()
    began, ended = LogGap.objects.get(requests=5).began_at, LogGap.objects.get(requests=2).ended_at
    assert (began.timestamp(), ended.timestamp()) == (100.5, 209.5)
    assert gaps.missing_since(began) == Missing(7, began, ended)
    assert gaps.missing_since(ended + timedelta(seconds=1)) is None
    assert gaps.forget_old(ended) == 1
    assert str(LogGap.objects.get()) == "1970-01-01 00:03:20 to 1970-01-01 00:03:29: 2"
