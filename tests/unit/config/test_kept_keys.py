"""The keys in a file follow the file, and a file that can't be read takes none away."""

import os
from pathlib import Path

import pytest

from simsim.config.kept_keys import KeptKeys
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.operations.backup.sealed_keys import encoded
from simsim.problem import Unusable

OLD, NEW = b"1" * 32, b"2" * 32


def kept(path: Path, *keys: bytes) -> None:
    unfinished = path.with_name("unfinished")
    unfinished.write_text(",".join(map(encoded, keys)))
    unfinished.rename(path)


def test_keys_are_those_of_the_file_at_each_moment(tmp_path: Path) -> None:
    path = tmp_path / "token_keys"
    keys = KeptKeys("SIMSIM_TOKEN_KEYS", path, KeyMemory())
    assert list(keys) == []
    assert not keys
    kept(path, OLD)
    assert list(keys) == [OLD]
    kept(path, NEW, OLD)
    assert (keys[0], keys[1:], len(keys)) == (NEW, [OLD], 2)


@pytest.mark.parametrize("broken", ["", "not a key"])
def test_broken_or_missing_file_leaves_the_known_keys(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "token_keys"
    kept(path, OLD)
    keys = KeptKeys("SIMSIM_TOKEN_KEYS", path, KeyMemory())
    path.write_text(broken)
    assert list(keys) == [OLD]
    path.unlink()
    assert list(keys) == [OLD]
    kept(path, NEW, OLD)
    assert list(keys) == [NEW, OLD]
    path.write_text(broken)
    os.utime(path, ns=(0, 0))
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS"):
        KeptKeys("SIMSIM_TOKEN_KEYS", path, KeyMemory())
