"""Reads what is to be scanned: files, folders, and whatever archives contain."""

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, cast

CHUNK = 1 << 20
MAX_DEPTH = 5
# An archive may unpack to a million times its size, to harm whoever unpacks it.
MAX_UNPACKED = 4 << 30
IN_MEMORY = 32 << 20
TAR_MAGIC_AT, HEAD = 257, 512
# What the readers of the standard library raise on a damaged, encrypted or unknown archive.
DAMAGED = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, RuntimeError,
           NotImplementedError, ValueError)  # fmt: skip


@dataclass
class Unread:
    """What could not be read, and why; it may hold passwords."""

    reasons: list[str] = field(default_factory=list)

    def note(self, name: str, error: Exception | str) -> None:
        reason = (
            error
            if isinstance(error, str)
            else (getattr(error, "strerror", None) or str(error) or type(error).__name__)
        )
        self.reasons.append(f"{name}: {reason}")


@dataclass(frozen=True)
class Content:
    """Something to scan: its name for people, and its bytes."""

    name: str
    chunks: Iterator[bytes]


@dataclass
class Reader:
    """Reads files and archives, and notes what can't be read. `unpacked` counts the bytes that archives gave."""

    unread: Unread
    unpacked: int = 0

    def walk(self, path: Path) -> Iterator[Content]:
        """Return the contents of a file, or of every file below a folder. Links are not followed."""
        for each in self.files(path):
            try:
                with each.open("rb") as file:
                    self.unpacked = 0
                    yield from self.contents(str(each), file)
            except DAMAGED as error:
                self.unread.note(str(each), error)

    def files(self, path: Path) -> Iterator[Path]:
        if path.is_file():
            yield path
            return
        for folder, folders, names in os.walk(path, onerror=lambda error: self.unread.note(str(error.filename), error)):
            if Path(folder).name == ".git" and "objects" in folders:
                folders.remove("objects")  # compressed; see history.py
            folders.sort()
            for name in sorted(names):
                if stat.S_ISREG((Path(folder) / name).lstat().st_mode):
                    yield Path(folder) / name

    def contents(self, name: str, file: BinaryIO, depth: int = 0) -> Iterator[Content]:
        """Return what a file holds; for an archive, what each of its members holds."""
        head = file.read(HEAD)
        file.seek(0)
        unpack = unpacker_of(head) if depth < MAX_DEPTH else None
        if unpack is None:
            yield Content(name, self.read(file, is_unpacked=depth > 0))
            return
        try:
            for member, opened in unpack(file):
                with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
                    for chunk in self.read(opened, is_unpacked=True):
                        copy.write(chunk)
                    copy.seek(0)
                    yield from self.contents(f"{name}!{member}" if member else name, cast(BinaryIO, copy), depth + 1)
        except DAMAGED as error:
            self.unread.note(name, error)

    def read(self, file: IO[bytes], *, is_unpacked: bool) -> Iterator[bytes]:
        while chunk := file.read(CHUNK):
            if is_unpacked:
                self.unpacked += len(chunk)
                if self.unpacked > MAX_UNPACKED:
                    raise ValueError(f"unpacks to more than {MAX_UNPACKED >> 30} GiB")
            yield chunk


Unpacker = Callable[[BinaryIO], Iterator[tuple[str, IO[bytes]]]]


def unpacker_of(head: bytes) -> Unpacker | None:
    """Return what unpacks a file that begins with these bytes, or None if it is no archive."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return from_zip
    if head[TAR_MAGIC_AT:].startswith(b"ustar"):
        return from_tar
    for magic, opener in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)):
        if head.startswith(magic):
            return lambda file: iter([("", cast(IO[bytes], opener(file)))])
    return None


def from_zip(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as opened:
                    yield member.filename, opened


def from_tar(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            if (opened := archive.extractfile(member)) is not None and member.isreg():
                yield member.name, opened


def standard_input(stream: BinaryIO) -> Content:
    return Content("standard input", iter(lambda: stream.read(CHUNK), b""))
