"""The ballast is made, deleted when the disk is full, and made again once there is room."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from simsim.gate import disk_reserve, spool
from simsim.gate.spool import ENDS, ROOM_FOR_ENDS_BYTES, Spool

pytestmark = pytest.mark.covers("R17")
KILOBYTE = 1024


def test_ballast_really_takes_up_its_room(spool_dir: Path) -> None:
    assert not disk_reserve.is_kept(spool_dir)
    assert disk_reserve.keep(spool_dir, 64 * KILOBYTE)
    assert disk_reserve.is_kept(spool_dir)
    status = (spool_dir / disk_reserve.NAME).stat()
    assert status.st_size == 64 * KILOBYTE
    assert status.st_blocks * 512 >= 64 * KILOBYTE
    assert disk_reserve.keep(spool_dir, 64 * KILOBYTE)
    assert [path.name for path in spool_dir.iterdir()] == [disk_reserve.NAME]


def test_ballast_is_not_made_if_it_would_fill_the_disk(spool_dir: Path) -> None:
    assert not disk_reserve.keep(spool_dir, shutil.disk_usage(spool_dir).free)
    assert not list(spool_dir.iterdir())


def test_failed_attempt_to_make_ballast_leaves_no_file(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)  # somebody else was faster
    with pytest.raises(OSError, match="No space"):
        disk_reserve.keep(spool_dir, 64 * KILOBYTE)
    assert not list(spool_dir.iterdir())


def test_half_made_ballast_of_a_killed_worker_is_completed(spool_dir: Path) -> None:
    (spool_dir / f"{disk_reserve.NAME}.new").write_bytes(b"x")
    assert disk_reserve.keep(spool_dir, 64 * KILOBYTE)
    assert (spool_dir / disk_reserve.NAME).stat().st_size == 64 * KILOBYTE


def test_letting_go_twice_is_allowed(spool_dir: Path) -> None:
    disk_reserve.keep(spool_dir, KILOBYTE)
    disk_reserve.let_go(spool_dir)
    disk_reserve.let_go(spool_dir)
    assert not disk_reserve.is_kept(spool_dir)


class FullDisk:
    """A fake disk without room until the ballast is gone; at first half a line may fit."""

    def __init__(self, directory: Path, *, fits: int = 0) -> None:
        self.directory = directory
        self.fits = fits
        self.write = os.write
        self.open = os.open

    def is_full(self) -> bool:
        return disk_reserve.is_kept(self.directory)

    def full_write(self, file: int, data: bytes) -> int:
        if not self.is_full():
            return self.write(file, data)
        if not self.fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fits, self.fits = self.fits, 0
        return self.write(file, data[:fits])

    def full_open(self, path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT and self.is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.open(path, flags, *mode)


@pytest.mark.parametrize("fits", [0, 4])
def test_a_full_disk_costs_no_line_while_there_is_ballast(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, fits: int
) -> None:
    spool = Spool(spool_dir)
    spool.append(b"first\n")
    (path,) = spool_dir.iterdir()
    disk_reserve.keep(spool_dir, KILOBYTE)
    monkeypatch.setattr(os, "write", FullDisk(spool_dir, fits=fits).full_write)
    spool.append(b"second\n")
    assert not disk_reserve.is_kept(spool_dir)
    assert path.read_bytes() == b"first\nsecond\n"
    spool.close()


def test_a_disk_without_room_for_a_file_is_full_too(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_reserve.keep(spool_dir, KILOBYTE)
    monkeypatch.setattr(os, "open", FullDisk(spool_dir).full_open)
    spool = Spool(spool_dir)
    spool.append(b"first\n")
    (path,) = spool_dir.iterdir()
    assert path.read_bytes() == b"first\n"
    spool.close()


def test_ballast_stays_when_something_else_is_wrong(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_file: int, _data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk_reserve.keep(spool_dir, KILOBYTE)
    spool = Spool(spool_dir)
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="Input/output"):
        spool.append(b"first\n")
    assert disk_reserve.is_kept(spool_dir)
    spool.close()


def refusing(times: int, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """Return a function that writes like an operating system that is out of room for a while."""
    left = iter(range(times))

    def refuse(file: int, data: bytes) -> int:
        if next(left, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    return refuse


def test_gap_that_cannot_be_reported_yet_is_reported_later(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(spool_dir)
    write = os.write
    monkeypatch.setattr(os, "write", refusing(2, write))  # once, and once more with the ballast gone
    with pytest.raises(OSError, match="No space"):
        spool.append(b"lost\n")
    fits = iter([True, False, False, True, True])

    def sometimes(file: int, data: bytes) -> int:
        if next(fits):
            return write(file, data)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", sometimes)
    spool.append(b"first\n")  # and then there is no room for the gap
    spool.append(b"second\n")
    monkeypatch.undo()
    spool.append(b"third\n")
    (path,) = spool_dir.iterdir()
    lines = path.read_text().splitlines()
    assert [line for line in lines if "gap" not in line] == ["first", "second", "third"]
    assert [line.count('"gap":1,') for line in lines] == [0, 0, 1, 0]
    spool.close()


class NearlyFullDisk:
    """A fake disk with a number of free bytes, and more once the ballast is gone."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, *, free: int, blocks: int = 1000) -> None:
        self.directory, self.free, self.blocks = directory, free, blocks
        monkeypatch.setattr(os, "statvfs", self.tell)

    def tell(self, _path: Path) -> SimpleNamespace:
        more = 0 if disk_reserve.is_kept(self.directory) else 1
        return SimpleNamespace(f_blocks=self.blocks, f_frsize=1, f_bavail=self.free + more)


def test_ballast_is_deleted_before_the_disk_is_full_and_the_last_room_is_left_for_ends(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_reserve.keep(spool_dir, KILOBYTE)
    disk = NearlyFullDisk(spool_dir, monkeypatch, free=ROOM_FOR_ENDS_BYTES - 1)
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.0)
    decisions, ends = Spool(spool_dir), Spool(spool_dir, stem=ENDS)
    decisions.append(b"first\n")
    assert not disk_reserve.is_kept(spool_dir)
    disk.free -= 1
    with pytest.raises(OSError, match="No space"):
        decisions.append(b"second\n")
    ends.append(b"end\n")
    disk.free += 1
    decisions.append(b"third\n")
    written = {path.name.partition("-")[0]: path.read_text() for path in spool_dir.iterdir()}
    assert written["ends"] == "end\n"
    assert written["gate"].startswith("first\nthird\n")
    assert '"gap":1,' in written["gate"]
    decisions.close()
    ends.close()


def test_file_system_without_reported_sizes_refuses_nothing(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    NearlyFullDisk(spool_dir, monkeypatch, free=0, blocks=0)
    decisions = Spool(spool_dir)
    for _ in range(3):
        decisions.append(b"line\n")
    decisions.close()
