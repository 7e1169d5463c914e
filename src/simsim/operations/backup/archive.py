"""The backup file: a tar archive of database copies, and a manifest with their checksums.

The file appears under its name once it is whole and on disk; until then it is in a folder beside it.
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from simsim.audit.journal import sync_directory
from simsim.operations.backup.pace import Pace
from simsim.problem import Unusable

MANIFEST = "manifest.json"
KEYS = "keys.age"
FORMAT_NAME, FORMAT = "simsim-backup", 1
PIECE_BYTES = 1 << 20


class HashedFile:
    """A file that computes the checksum of what is read from it, at a pace if there is one."""

    def __init__(self, file: BinaryIO, pace: Pace | None = None) -> None:
        self._file = file
        self._pace = pace
        self._sum = hashlib.sha256()
        self._bytes_since_rest = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sum.update(data)
        self._bytes_since_rest += len(data)
        if self._pace and self._bytes_since_rest >= PIECE_BYTES:
            self._bytes_since_rest = 0
            self._pace.rest()
        return data

    def checksum(self) -> str:
        return self._sum.hexdigest()


class Unfinished:
    """A backup that is being written. `folder` is private, on the file's disk, and deleted in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "backup"
        self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._files: dict[str, dict[str, object]] = {}

    def add(self, path: Path) -> None:
        """Add a file under its name."""
        size = path.stat().st_size
        with path.open("rb") as opened:
            hashed = HashedFile(opened, Pace())
            self._add(path.name, size, hashed)
        self._files[path.name] = {"size": size, "sha256": hashed.checksum()}

    def finish(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest, and sync everything to disk."""
        document = {"format": FORMAT_NAME, "format_version": FORMAT, **manifest, "files": self._files}
        data = json.dumps(document | {"sha256": checksum_of(document)}, indent=1).encode()
        self._add(MANIFEST, len(data), BytesIO(data))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # on a full disk, what is left can't be written either
            self._file.close()

    def _add(self, name: str, size: int, file: Any) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, file)


@contextmanager
def written(path: Path) -> Iterator[Unfinished]:
    """Give a backup to fill and finish; it then takes the name `path`. On any failure, an older file there stays.

    Raises Unusable if it can't be written.
    """
    try:
        delete_abandoned(path)
        folder = Path(tempfile.mkdtemp(prefix=folder_prefix(path), dir=path.parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unfinished = Unfinished(folder)
            with closing(unfinished):
                yield unfinished
            unfinished.path.replace(path)
            sync_directory(path.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        raise Unusable(
            "The backup %(path)s can't be written (%(reason)s)",
            path=str(path), reason=(error.strerror or str(error)).lower(),
        ) from error  # fmt: skip


def folder_prefix(path: Path) -> str:
    return f".{path.name}.unfinished-"


def delete_abandoned(path: Path) -> None:
    """Delete what killed backups to this file left behind: the lock of a live one is held."""
    for folder in path.parent.glob(f"{glob.escape(folder_prefix(path))}*"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)


class Archive:
    """A whole backup file, opened to read."""

    def __init__(self, path: Path, tar: tarfile.TarFile, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self._tar = tar

    @property
    def names(self) -> list[str]:
        return list(self.manifest["files"])

    def read(self, name: str) -> bytes:
        """Return a small file. Raises Unusable if it is damaged."""
        target = BytesIO()
        self._copy(name, target)
        return target.getvalue()

    def extract(self, name: str, target: Path) -> None:
        """Write a file to `target`, private and synced to disk; raise Unusable if it is damaged."""
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            self._copy(name, file)
            file.flush()
            os.fsync(file.fileno())

    def _copy(self, name: str, target: BinaryIO) -> None:
        expected = self.manifest["files"][name]
        try:
            found = self._tar.extractfile(name)
            hashed = HashedFile(found) if found else None  # type: ignore[arg-type]
            while hashed and (data := hashed.read(PIECE_BYTES)):
                target.write(data)
        except (KeyError, tarfile.TarError):
            hashed = None
        if hashed is None or hashed.checksum() != expected["sha256"]:
            raise Unusable("%(path)s is damaged: the checksum of %(name)s is wrong", path=str(self.path), name=name)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Give a backup file; raise Unusable if it is none, is damaged, or is of a newer format."""
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115 - closed below
    except tarfile.TarError as error:
        raise foreign(path) from error
    except OSError as error:
        raise Unusable(
            "%(path)s can't be read (%(reason)s)", path=str(path), reason=(error.strerror or str(error)).lower()
        ) from error
    with tar:
        yield Archive(path, tar, read_manifest(path, tar))


def read_manifest(path: Path, tar: tarfile.TarFile) -> dict[str, Any]:
    try:
        file = tar.extractfile(MANIFEST)
        manifest = json.loads(file.read()) if file else {}
        is_ours = manifest["format"] == FORMAT_NAME
    except (KeyError, ValueError, TypeError, tarfile.TarError):
        is_ours = False
    if not is_ours:
        raise foreign(path)
    if manifest["format_version"] != FORMAT:
        raise Unusable(
            "%(path)s has the format %(theirs)s of Simsim %(version)s, and this Simsim reads the format %(ours)s",
            path=str(path), theirs=str(manifest["format_version"]), version=str(manifest.get("version")),
            ours=str(FORMAT),
        )  # fmt: skip
    if manifest.pop("sha256") != checksum_of(manifest):
        raise Unusable("%(path)s is damaged: the checksum of its manifest is wrong", path=str(path))
    return dict(manifest)


def foreign(path: Path) -> Unusable:
    return Unusable("%(path)s is not a whole file that simsim backup has written", path=str(path))


def checksum_of(document: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
