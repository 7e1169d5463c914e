"""The spool: each line is written whole or not at all, and each process has its own file, locked while it writes."""

import errno
import fcntl
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from simsim.gate.spool import ENDS, GATE, LOOK_SECONDS, Spool
from simsim.request_log.ship.lines import Missed, parse_gate_line

LINE = b'{"id":"1"}\n'


def files(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def missed(line: bytes) -> int:
    """Return the number of missing lines that a line reports."""
    found = parse_gate_line(line.decode().strip())
    assert isinstance(found, Missed)
    return found.requests


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.covers("R17")
def test_line_is_in_the_file_when_append_returns(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    assert files(spool_dir) == []
    spool.append(LINE)
    (path,) = files(spool_dir)
    assert path.match("gate-*.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == LINE
    spool.append(LINE)
    assert path.read_bytes() == LINE * 2
    spool.close()
    spool.close()


@pytest.mark.covers("R17")
def test_file_is_locked_from_the_moment_it_has_its_name_until_it_is_closed(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool.open()
    (path,) = files(spool_dir)
    assert is_locked(path)
    spool.close()
    assert not is_locked(path)
    spool.append(LINE)
    assert len(files(spool_dir)) == 2
    spool.close()


@pytest.mark.covers("R17")
def test_full_segment_is_closed_and_followed_by_another(spool_dir: Path) -> None:
    spool = Spool(spool_dir, max_segment_bytes=3 * len(LINE))
    for _ in range(7):
        spool.append(LINE)
    paths = files(spool_dir)
    assert [path.read_bytes() for path in paths] == [LINE * 3, LINE * 3, LINE]
    assert [is_locked(path) for path in paths] == [False, False, True]
    spool.close()


@pytest.mark.covers("R17", "B11")
def test_two_spools_and_a_fork_write_into_separate_files(spool_dir: Path) -> None:
    first, second = Spool(spool_dir), Spool(spool_dir)
    first.append(b"first\n")
    second.append(b"second\n")
    child = os.fork()
    if child == 0:
        try:
            first.append(b"child\n")
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    first.append(b"first\n")
    contents = {path.read_bytes(): is_locked(path) for path in files(spool_dir)}
    assert contents == {b"first\nfirst\n": True, b"second\n": True, b"child\n": False}
    first.close()
    second.close()


@pytest.mark.covers("R17")
def test_missing_directory_is_an_error_until_it_returns(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool_dir.rmdir()
    with pytest.raises(OSError, match="No such file"):
        spool.append(LINE)
    spool_dir.mkdir()
    spool.append(LINE)
    (path,) = files(spool_dir)
    first, told = path.read_bytes().splitlines(keepends=True)
    assert first == LINE
    assert missed(told) == 1
    spool.close()


@pytest.mark.covers("R17")
def test_lines_that_could_not_be_written_are_counted_and_reported_once(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool_dir.rmdir()
    before = time.time()
    for _ in range(3):
        with pytest.raises(OSError, match="No such file"):
            spool.append(LINE)
    after = time.time()
    spool_dir.mkdir()
    for _ in range(2):
        spool.append(LINE)
    (path,) = files(spool_dir)
    first, told, second = path.read_bytes().splitlines(keepends=True)
    assert first == second == LINE
    gap = parse_gate_line(told.decode().strip())
    assert isinstance(gap, Missed)
    assert gap.requests == 3
    assert before - 0.001 <= gap.began_at.timestamp() <= gap.at.timestamp() <= after + 0.001
    spool.close()


@pytest.mark.covers("R17")
def test_child_does_not_report_the_lines_that_its_parent_lost(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool_dir.rmdir()
    with pytest.raises(OSError, match="No such file"):
        spool.append(LINE)
    spool_dir.mkdir()
    child = os.fork()
    if child == 0:
        try:
            spool.append(b"child\n")
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    (path,) = files(spool_dir)
    assert path.read_bytes() == b"child\n"
    path.unlink()
    spool.append(LINE)
    (path,) = files(spool_dir)
    assert missed(path.read_bytes().splitlines()[1]) == 1
    spool.close()


@pytest.mark.covers("R17")
def test_ends_are_written_like_decisions_into_separate_files(spool_dir: Path) -> None:
    spool = Spool(spool_dir, stem=ENDS)
    spool.open()
    (path,) = files(spool_dir)
    assert path.match("ends-*.jsonl")
    assert is_locked(path)
    spool.append(LINE)
    assert path.read_bytes() == LINE
    spool.close()
    spool_dir.rename(spool_dir.with_name("away"))
    with pytest.raises(OSError, match="No such file"):
        spool.append(LINE)
    spool_dir.mkdir()
    spool.append(LINE)
    (path,) = files(spool_dir)
    assert path.read_bytes() == LINE
    spool.close()


@pytest.mark.covers("R17")
def test_file_that_cannot_be_locked_is_an_error_and_leaves_nothing(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    before = open_files()
    monkeypatch.setattr(fcntl, "flock", no_locks)  # a file system without locks
    with pytest.raises(OSError, match="No locks available"):
        Spool(spool_dir).append(LINE)
    assert open_files() == before
    assert files(spool_dir) == []


# The kernel's own short write: the file may grow to the limit and no further, so a line that crosses it is cut.
def write_until_the_file_may_not_grow(directory: Path) -> list[str | None]:
    """Append lines, some while a limit cuts them; return the operating system's errors for those."""
    spool = Spool(directory)
    spool.append(b"a" * 49 + b"\n")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80, resource.RLIM_INFINITY))
    said: list[str | None] = []
    for size in (60, 10):
        try:
            spool.append(b"b" * size + b"\n")
        except OSError as error:
            said.append(error.strerror)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    spool.append(b"c" * 9 + b"\n")
    spool.append(b"d" * 9 + b"\n")
    return said


@pytest.mark.covers("R17")
def test_cut_line_costs_only_itself(spool_dir: Path) -> None:
    child = os.fork()
    if child == 0:  # the limit is the process's
        try:
            os._exit(0 if write_until_the_file_may_not_grow(spool_dir) == ["File too large"] * 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    (path,) = files(spool_dir)
    *written, told, last, end = path.read_bytes().split(b"\n")
    assert [*written, last, end] == [b"a" * 49, b"b" * 30, b"c" * 9, b"d" * 9, b""]
    assert missed(told) == 2


@pytest.mark.covers("R17")
@pytest.mark.parametrize("how", ["deleted", "moved", "another in its place"])
@pytest.mark.parametrize("stem", [GATE, ENDS])
def test_file_that_loses_its_name_goes_on_as_a_whole_copy_within_a_moment(
    spool_dir: Path, tmp_path: Path, stem: str, how: str
) -> None:
    spool = Spool(spool_dir, stem=stem)
    spool.append(b"shipped\n")
    (path,) = files(spool_dir)
    if how == "deleted":
        path.unlink()
    else:
        path.rename(tmp_path / "moved")
    if how == "another in its place":
        path.touch()
    before = open_files()
    spool.append(b"without a name\n")
    time.sleep(2 * LOOK_SECONDS)
    spool.append(b"named again\n")
    copy = files(spool_dir)[-1]
    assert copy.read_bytes() == b"shipped\nwithout a name\nnamed again\n"
    assert is_locked(copy)
    assert open_files() == before
    spool.close()


@pytest.mark.covers("R17")
def test_deleted_file_is_kept_when_its_writer_closes_it(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool.append(LINE)
    for path in files(spool_dir):
        path.unlink()
    spool.close()
    (copy,) = files(spool_dir)
    assert copy.read_bytes() == LINE
    assert not is_locked(copy)


@pytest.mark.covers("R17")
def test_child_leaves_its_parents_deleted_file_to_the_parent(spool_dir: Path) -> None:
    spool = Spool(spool_dir)
    spool.append(b"parent\n")
    for path in files(spool_dir):
        path.unlink()
    child = os.fork()
    if child == 0:
        try:
            spool.append(b"child\n")
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool.close()
    assert sorted(path.read_bytes() for path in files(spool_dir)) == [b"child\n", b"parent\n"]
