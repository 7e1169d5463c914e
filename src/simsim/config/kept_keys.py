"""The keys as a sequence: those of a setting, or those that a file holds at each moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from simsim.config import secret_files
from simsim.key_wrappers import key_texts
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.problem import Unusable


class GivenKeys(Sequence[bytes]):
    """The keys that encrypt passwords, newest first, as a list in a setting has them.

    Wrapped keys are unwrapped when the first is needed, so that `simsim doctor` can start and say why it fails.
    """

    def __init__(self, text: str, memory: KeyMemory) -> None:
        """Raise Unusable for a list that is not one of keys; empty text has none."""
        self._texts, self._memory = key_texts.split(text) if text else [], memory

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def texts(self) -> list[str]:
        """Return the keys as they are written, plain or wrapped."""
        return self._texts

    def _now(self) -> list[bytes]:
        return self._memory.unwrap_all(self._texts)


class KeptKeys(GivenKeys):
    """The keys in a file that `simsim keys` may replace while we run.

    Without a file there are none. If the file can't be read or unwrapped later, the keys that are known stay.
    """

    def __init__(self, name: str, path: Path, memory: KeyMemory) -> None:
        """Read the file; raise Unusable, in one line that names the setting, if that is impossible."""
        self._name, self._path = name, path
        self._seen, self._keys = self._state(), list[bytes]()
        super().__init__(self._read(), memory)

    def texts(self) -> list[str]:
        """Return the keys as the file has them now; as it had them, if it can't be read."""
        if (state := self._state()) != self._seen:
            try:
                self._texts = key_texts.split(self._read())
            except Unusable:
                return self._texts
            self._seen = state
        return self._texts

    def _now(self) -> list[bytes]:
        try:
            self._keys = self._memory.unwrap_all(self.texts())
        except Unusable:
            if not self._keys:
                raise
        return self._keys

    def _read(self) -> str:
        return secret_files.kept_secret(self._name, self._path)

    def _state(self) -> tuple[int, int] | None:
        """Return what changes whenever the file is replaced, or None without a file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
