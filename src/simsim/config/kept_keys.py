"""The keys in a file: a sequence that holds at each moment what the file holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from simsim.config import secret_files
from simsim.problem import Unusable


class KeptKeys(Sequence[bytes]):
    """The keys that encrypt passwords, newest first, from a file that `simsim keys` may replace while we run.

    Without a file there are none. If the file can't be read later, the keys that are known stay.
    """

    def __init__(self, name: str, path: Path) -> None:
        """Read the file; raise Unusable, in one line that names the setting, if that is impossible."""
        self._name, self._path = name, path
        self._seen, self._keys = self._state(), self._read()

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> list[bytes]:
        if (state := self._state()) != self._seen:
            try:
                self._keys = self._read() or self._keys
            except Unusable:
                return self._keys
            self._seen = state
        return self._keys

    def _read(self) -> list[bytes]:
        text = secret_files.kept_secret(self._name, self._path)
        return secret_files.decode_keys(text) if text else []

    def _state(self) -> tuple[int, int] | None:
        """Return what changes whenever the file is replaced, or None without a file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
