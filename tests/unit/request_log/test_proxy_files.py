"""An access log is followed through any rotation, and never changed."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsim.request_log.ship.proxy_files import FORGOTTEN_AFTER, Follower
from simsim.request_log.ship.proxy_formats import LOG_FORMATS, AccessLog
from simsim.request_log.ship.spool_files import MAX_LINE_BYTES, Piece, read_lines

pytestmark = pytest.mark.covers("R17")
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def line(number: int) -> bytes:
    return b'{"level":"info","ts":1795565772.%06d,"request_id":"%032x"}\n' % (number, number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.json"


@pytest.fixture
def follower(path: Path) -> Follower:
    return Follower(AccessLog(path, LOG_FORMATS["caddy"]))


def names(follower: Follower) -> list[str]:
    return [file.name for file in follower.files(NOW)]


def identities(follower: Follower) -> list[str]:
    return [file.identity for file in follower.files(NOW)]


@pytest.mark.parametrize(
    "name",
    [
        "access.json.1", "access.json-20261124", "access.json-20261124.1", "access.json.2026-11-24T12:00:00Z",
        "access-2026-11-24T12-00-00.000.json", "access-2026-11-24T12-00-00.000-size.json",
    ],
)  # fmt: skip
def test_a_rotated_file_is_read_before_the_one_being_written(path: Path, follower: Follower, name: str) -> None:
    path.write_bytes(line(2))
    path.with_name(name).write_bytes(line(1))
    assert names(follower) == [name, "access.json"]


@pytest.mark.parametrize(
    "name",
    ["access.json.1.gz", "access-internal.json", "access.json.swp", "access2.json", "myaccess.json.1", "access.1"],
)
def test_another_file_beside_the_log_is_not_read(path: Path, follower: Follower, name: str) -> None:
    path.write_bytes(line(2))
    path.with_name(name).write_bytes(line(1))
    assert names(follower) == ["access.json"]


def test_older_files_come_first(path: Path, follower: Follower) -> None:
    for age, name in enumerate(("access.json.1", "access.json.2", "access.json.10")):
        path.with_name(name).write_bytes(line(age))
        os.utime(path.with_name(name), (1e9 - age, 1e9 - age))
    assert names(follower) == ["access.json.10", "access.json.2", "access.json.1"]


def test_a_file_is_the_same_after_it_is_renamed_copied_and_grown(path: Path, follower: Follower) -> None:
    path.write_bytes(line(1))
    (before,) = identities(follower)
    path.rename(path.with_name("access.json.1"))
    shutil.copy(path.with_name("access.json.1"), path)
    with path.open("ab") as file:
        file.write(line(2))
    assert identities(follower) == [before, before]
    assert len(before) == 64


def test_files_that_begin_with_lines_without_a_time_are_two(path: Path, follower: Follower) -> None:
    path.write_bytes(b"{}\n" + line(1))
    path.with_name("access.json.1").write_bytes(b"{}\n" + line(2))
    assert len(set(identities(follower))) == 2


@pytest.mark.parametrize("beginning", [b"", b"{", b"{}\n", line(1)[:-1], b"\0" * 5000])
def test_a_beginning_that_another_file_may_share_identifies_nothing(
    path: Path, follower: Follower, beginning: bytes
) -> None:
    path.write_bytes(beginning)
    assert identities(follower) == []


def test_rotated_file_with_half_a_line_is_identified_by_its_name(path: Path, follower: Follower) -> None:
    path.with_name("access.json.1").write_bytes(b'{"ts')
    path.with_name("access.json.2").write_bytes(b'{"ts')
    assert len(set(identities(follower))) == 2
    path.with_name("access.json.3").write_bytes(b"")
    assert len(identities(follower)) == 2


def test_beginning_longer_than_any_line_identifies_the_file(path: Path, follower: Follower) -> None:
    path.write_bytes(b"x" * 2 * MAX_LINE_BYTES)
    before = identities(follower)
    with path.open("ab") as file:
        file.write(b"\n" + line(1))
    assert identities(follower) == before


def test_hole_after_truncation_is_skipped(path: Path, follower: Follower) -> None:
    with path.open("wb") as writer:  # not appending: it continues at its old position
        writer.write(line(1) * 1000)
        writer.flush()
        (before,) = identities(follower)
        os.truncate(path, 0)
        writer.write(line(2))
    (file,) = follower.files(NOW)
    assert file.identity != before
    assert file.begins_at == len(line(1)) * 1000
    for file in follower.files(NOW):
        assert read_lines(file, file.begins_at).lines == [line(2)[:-1]]


def test_unfinished_copy_repeats_nothing(path: Path, follower: Follower) -> None:
    path.write_bytes(line(1))
    for file in follower.files(NOW):
        assert read_lines(file, 5000) == Piece(b"", 5000, is_at_end=True)


def test_a_rotated_file_is_not_finished_while_its_writer_holds_it(path: Path, follower: Follower) -> None:
    with path.open("ab") as writer:
        writer.write(line(1))
        writer.flush()
        path.rename(path.with_name("access.json.1"))
        assert [file.is_finished for file in follower.files(NOW)] == [False]
    assert [(file.is_finished, file.is_ours) for file in follower.files(NOW)] == [(True, False)]


def test_a_file_that_is_read_to_its_end_is_not_opened_again_until_it_changes(path: Path, follower: Follower) -> None:
    old = path.with_name("access.json.1")
    old.write_bytes(line(1))
    for file in follower.files(NOW):
        follower.note_read(file)
    assert names(follower) == []
    with old.open("ab") as file_again:
        file_again.write(line(2))
    assert names(follower) == ["access.json.1"]


def test_unreadable_file_hides_no_other(path: Path, follower: Follower) -> None:
    path.write_bytes(line(1))
    path.with_name("access.json.1").mkdir()
    path.with_name("access.json.2").symlink_to(path.with_name("nowhere"))
    assert names(follower) == ["access.json"]
    assert names(Follower(AccessLog(path / "no-folder" / "access.json", LOG_FORMATS["caddy"]))) == []


def test_a_position_is_forgotten_a_day_after_its_file_has_gone(path: Path, follower: Follower) -> None:
    path.write_bytes(line(2))
    old = path.with_name("access.json.1")
    old.write_bytes(line(1))
    gone, stays = identities(follower)
    for file in follower.files(NOW):
        if file.is_finished:
            follower.note_read(file)
    both = {gone, stays}
    assert follower.gone(both, NOW) == set()
    old.unlink()
    later = NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert list(follower.files(later))
    assert follower.gone(both, later) == {gone}
    assert follower.gone(both, later) == set()


def test_nothing_is_forgotten_while_the_log_is_missing(path: Path, follower: Follower) -> None:
    path.write_bytes(line(1))
    known = set(identities(follower))
    path.unlink()
    assert follower.gone(known, NOW + 3 * FORGOTTEN_AFTER) == set()
    path.write_bytes(line(2))
    assert follower.gone(known, NOW + 3 * FORGOTTEN_AFTER) == set()
