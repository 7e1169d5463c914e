"""Files are followed through growth, rotation, truncation and the death of their writers."""

import fcntl
import os
import shutil
from itertools import chain
from pathlib import Path

import pytest

from simsim.request_log.ship import spool_files
from simsim.request_log.ship.spool_files import Piece, SpoolFile, gate_files, gateway_files, read_lines, split_merged


def line(number: int) -> bytes:
    return b'{"id":"%032x","n":1}\n' % number


def only(directory: Path) -> tuple[str, bool]:
    (found,) = [(file.identity, file.is_finished) for file in chain(gate_files(directory), gateway_files(directory))]
    return found


def read(directory: Path, offset: int = 0, max_bytes: int = 4096) -> spool_files.Piece:
    (piece,) = [read_lines(file, offset, max_bytes) for file in chain(gate_files(directory), gateway_files(directory))]
    return piece


def test_a_file_is_the_same_after_it_is_renamed_and_after_it_grows(tmp_path: Path) -> None:
    current = tmp_path / "gateway.jsonl"
    with current.open("wb") as writer:
        writer.write(line(1))
        writer.flush()
        before, _ = only(tmp_path)
        current.rename(tmp_path / "gateway-1.jsonl")
        writer.write(line(2))
        writer.flush()
        assert only(tmp_path) == (before, False)
    assert only(tmp_path) == (before, True)


def test_a_truncated_file_is_a_new_one(tmp_path: Path) -> None:
    current = tmp_path / "gateway.jsonl"
    current.write_bytes(line(1) + line(2))
    before, _ = only(tmp_path)
    current.write_bytes(line(3))
    assert only(tmp_path)[0] != before


def test_cut_file_with_the_same_beginning_repeats_nothing(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(line(1))
    assert read(tmp_path, offset=5000) == Piece(b"", len(line(1)), is_at_end=True)


def test_a_copy_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(line(1))
    shutil.copy(tmp_path / "gateway.jsonl", tmp_path / "gateway-1.jsonl")
    first, second = (file.identity for file in gateway_files(tmp_path))
    assert first == second


@pytest.mark.parametrize("beginning", [b"", b"{", b'{"id":"00', b"\n", b"x\n\n", line(1)[:-1]])
def test_a_beginning_that_another_file_may_share_identifies_nothing(tmp_path: Path, beginning: bytes) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(beginning)
    assert not list(gateway_files(tmp_path))


def test_two_files_with_the_same_broken_beginning_are_two(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"gate-{number}.jsonl").write_bytes(b"{\n" + line(number))
        (tmp_path / f"gate-{number}-broken.jsonl").write_bytes(b"{\n")
    assert len({file.identity for file in gate_files(tmp_path)}) == 4


def test_a_line_is_not_read_before_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(line(1) + line(2)[:-1])
    assert read(tmp_path) == Piece(line(1), len(line(1)), is_at_end=True)


def test_half_line_of_a_dead_writer_is_read_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "gate-1.jsonl").write_bytes(line(1) + b'{"id"')
    piece = read(tmp_path)
    assert piece == Piece(line(1) + b'{"id"', len(line(1)) + 5, is_at_end=True)
    assert piece.lines == [line(1)[:-1], b'{"id"']


def test_a_file_is_read_in_pieces_that_end_with_a_line(tmp_path: Path) -> None:
    data = b"".join(line(number) for number in range(50))
    (tmp_path / "gateway.jsonl").write_bytes(data)
    offset, lines, is_at_end = 0, list[bytes](), False
    while not is_at_end:
        piece = read(tmp_path, offset, max_bytes=100)
        _, offset, is_at_end = piece
        lines += piece.lines
    assert b"\n".join(lines) + b"\n" == data
    assert offset == len(data)


def test_a_line_without_end_does_not_stop_the_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(line(1) + b"x" * 500 + b"\n" + line(2))
    offset, lines, is_at_end = 0, list[bytes](), False
    while not is_at_end:
        piece = read(tmp_path, offset, max_bytes=100)
        _, offset, is_at_end = piece
        lines += piece.lines
    assert lines[0] == line(1)[:-1]
    assert lines[-1] == line(2)[:-1]


def test_a_gates_file_is_finished_once_nobody_locks_it(tmp_path: Path) -> None:
    path = tmp_path / "gate-1.jsonl"
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.write(line(1))
        writer.flush()
        assert only(tmp_path)[1] is False
    assert only(tmp_path)[1] is True


def test_empty_file_is_deleted_once_its_writer_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "gate-1.jsonl"
    with path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert not list(gate_files(tmp_path))
        assert path.exists()
    assert not list(gate_files(tmp_path))
    assert not path.exists()


def test_a_rotated_file_is_not_finished_while_a_writer_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway-1.jsonl"
    with path.open("ab") as writer:
        writer.write(line(1))
        writer.flush()
        os.utime(path, (0, 0))
        assert only(tmp_path)[1] is False
    assert only(tmp_path)[1] is True


def test_rotated_file_is_finished_after_a_while_if_the_system_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    path = tmp_path / "gateway-1.jsonl"
    path.write_bytes(line(1))
    assert only(tmp_path)[1] is False
    os.utime(path, (0, 0))
    assert only(tmp_path)[1] is True


def test_file_with_an_overlong_line_is_identified_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(b"x" * 2 * spool_files.MAX_LINE_BYTES)
    before = only(tmp_path)
    with (tmp_path / "gateway.jsonl").open("ab") as writer:
        writer.write(b"\n" + line(1))
    assert only(tmp_path) == before


def test_the_current_file_of_the_gateway_is_never_finished(tmp_path: Path) -> None:
    (tmp_path / "gateway.jsonl").write_bytes(line(1))
    assert only(tmp_path)[1] is False


def test_reading_follows_the_file_and_not_its_name(tmp_path: Path) -> None:
    current = tmp_path / "gateway.jsonl"
    current.write_bytes(line(1) + line(2))
    for file in gateway_files(tmp_path):
        current.rename(tmp_path / "gateway-1.jsonl")
        current.write_bytes(line(3))
        assert read_lines(file, len(line(1))).lines == [line(2)[:-1]]
        spool_files.delete(file)
    assert current.read_bytes() == line(3)


def test_deleting_twice_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "gate-1.jsonl").write_bytes(line(1))
    files: list[SpoolFile] = list(gate_files(tmp_path))
    for _ in range(2):
        spool_files.delete(files[0])
    assert not list(tmp_path.iterdir())


def test_line_after_a_dead_writers_half_line_is_split() -> None:
    assert split_merged('{"id":"aa","pa{"id":"bb"}') == ('{"id":"aa","pa', '{"id":"bb"}')
    assert split_merged('{"id":"bb"}') is None
    assert split_merged("junk") is None
