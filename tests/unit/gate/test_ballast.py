"""Room that is kept, given away when the disk is full, and kept again once there is some."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from simsim.gate import ballast
from simsim.gate.spool import Spool

pytestmark = pytest.mark.covers("R17")
KILOBYTE = 1024


def test_ballast_takes_up_its_room_for_real(spool_dir: Path) -> None:
    assert not ballast.is_kept(spool_dir)
    assert ballast.keep(spool_dir, 64 * KILOBYTE)
    assert ballast.is_kept(spool_dir)
    status = (spool_dir / ballast.NAME).stat()
    assert status.st_size == 64 * KILOBYTE
    assert status.st_blocks * 512 >= 64 * KILOBYTE
    assert ballast.keep(spool_dir, 64 * KILOBYTE)
    assert [path.name for path in spool_dir.iterdir()] == [ballast.NAME]


def test_ballast_is_not_made_where_it_would_fill_the_disk(spool_dir: Path) -> None:
    assert not ballast.keep(spool_dir, shutil.disk_usage(spool_dir).free)
    assert not list(spool_dir.iterdir())


def test_ballast_that_can_not_be_made_leaves_nothing(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)  # somebody else was faster
    with pytest.raises(OSError, match="No space"):
        ballast.keep(spool_dir, 64 * KILOBYTE)
    assert not list(spool_dir.iterdir())


def test_what_a_killed_worker_left_half_is_made_whole(spool_dir: Path) -> None:
    (spool_dir / f"{ballast.NAME}.new").write_bytes(b"x")
    assert ballast.keep(spool_dir, 64 * KILOBYTE)
    assert (spool_dir / ballast.NAME).stat().st_size == 64 * KILOBYTE


def test_letting_go_twice_is_no_error(spool_dir: Path) -> None:
    ballast.keep(spool_dir, KILOBYTE)
    ballast.let_go(spool_dir)
    ballast.let_go(spool_dir)
    assert not ballast.is_kept(spool_dir)


class FullDisk:
    """The operating system's far end: there is no room until the ballast is gone; at first half a line may fit."""

    def __init__(self, directory: Path, *, fits: int = 0) -> None:
        self.directory = directory
        self.fits = fits
        self.write = os.write
        self.open = os.open

    def is_full(self) -> bool:
        return ballast.is_kept(self.directory)

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
    ballast.keep(spool_dir, KILOBYTE)
    monkeypatch.setattr(os, "write", FullDisk(spool_dir, fits=fits).full_write)
    spool.append(b"second\n")
    assert not ballast.is_kept(spool_dir)
    assert path.read_bytes() == b"first\nsecond\n"
    spool.close()


def test_a_disk_without_room_for_a_file_is_full_too(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast.keep(spool_dir, KILOBYTE)
    monkeypatch.setattr(os, "open", FullDisk(spool_dir).full_open)
    spool = Spool(spool_dir)
    spool.append(b"first\n")
    (path,) = spool_dir.iterdir()
    assert path.read_bytes() == b"first\n"
    spool.close()


def test_ballast_stays_when_something_else_is_wrong(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_file: int, _data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    ballast.keep(spool_dir, KILOBYTE)
    spool = Spool(spool_dir)
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="Input/output"):
        spool.append(b"first\n")
    assert ballast.is_kept(spool_dir)
    spool.close()


def refusing(times: int, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """Return what writes as the operating system does when it is out of room for a while."""
    left = iter(range(times))

    def refuse(file: int, data: bytes) -> int:
        if next(left, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    return refuse


def test_a_gap_that_can_not_be_told_yet_is_told_later(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
