"""A backup file is whole or absent, and a damaged or foreign one is refused in one line."""

import fcntl
import json
import os
import resource
import tarfile
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest

from simsim.operations.backup import archive
from simsim.operations.backup.verification import prove_readable
from simsim.problem import Unusable

MANIFEST = {"version": "0.1.0", "migrations": ["tokens.0001_initial"]}
DATA = b"the rows of a database" * 10_000


def write(path: Path, data: bytes = DATA) -> None:
    with archive.written(path) as unfinished:
        copy = unfinished.folder / "default.sqlite3"
        copy.write_bytes(data)
        unfinished.add(copy)
        unfinished.finish(MANIFEST)


def test_what_was_written_is_read_back_and_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "b.simsim"
    write(path)
    with archive.opened(path) as found:
        assert found.read("default.sqlite3") == DATA
        assert found.manifest["version"] == "0.1.0"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["b.simsim"]


def test_full_disk_leaves_the_backup_before(tmp_path: Path) -> None:
    path = tmp_path / "b.simsim"
    write(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(Unusable, match=r"b\.simsim can't be written \(file too large\)"):
            write(path, b"newer" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["b.simsim"]


def test_what_a_killed_backup_left_is_deleted_by_the_next_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "b.simsim"
    abandoned, alive = (tmp_path / f"{archive.folder_prefix(path)}{name}" for name in ("abandoned", "alive"))
    for folder in (abandoned, alive):
        folder.mkdir()
        (folder / "backup").write_bytes(b"half")
    lock = os.open(alive, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    write(path)
    os.close(lock)
    assert {each.name for each in tmp_path.iterdir()} == {"b.simsim", alive.name}


def test_each_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "b.simsim"
    write(path)
    good = path.read_bytes()
    manifest = good.index(b'"version"')
    for place in (700, len(DATA) // 2, manifest + 12):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(Unusable, match=r"is damaged|is not a whole file"), archive.opened(path) as found:
            found.extract("default.sqlite3", tmp_path / "copy")
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(Unusable, match="is not a whole file"), archive.opened(path):
        pass


def test_foreign_file_and_newer_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"SQLite format 3\0" + bytes(1000))
    with pytest.raises(Unusable, match="is not a whole file that simsim backup has written"), archive.opened(path):
        pass
    document = {"format": archive.FORMAT_NAME, "format_version": 9, "version": "3.0.0", "files": {}}
    with tarfile.open(path, "w") as tar:
        data = json.dumps(document | {"sha256": archive.checksum_of(document)}).encode()
        entry = tarfile.TarInfo(archive.MANIFEST)
        entry.size = len(data)
        tar.addfile(entry, BytesIO(data))
    with pytest.raises(Unusable, match=r"the format 9 of Simsim 3\.0\.0, and this Simsim reads the format 1"):
        archive.opened(path).__enter__()


def test_backup_of_a_newer_simsim_is_refused_with_both_versions() -> None:
    prove_readable(Path("b"), MANIFEST)
    newer = {"version": "9.1.0", "migrations": ["tokens.0001_initial", "tokens.9999_future"]}
    with pytest.raises(Unusable) as refused:
        prove_readable(Path("b"), newer)
    assert str(refused.value) == (
        f"b is of Simsim 9.1.0, and its database (tokens.9999_future) is newer than this Simsim, {version('simsim')}:"
        " install that version"
    )
