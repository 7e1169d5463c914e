"""A file that takes up room for nothing, so that there is some to give away on the day when the disk is full."""

import errno
import os
import shutil
from pathlib import Path

NAME = ".ballast"
SIZE_BYTES = 64 * 1024 * 1024  # some 200,000 lines of the gate's
# What the operating system says when there is no room, or none for this user.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep(directory: Path, size_bytes: int = SIZE_BYTES) -> bool:
    """Return whether the ballast is there, made now if there is room for it and as much again. Raises OSError."""
    path = directory / NAME
    if path.exists():
        return True
    if shutil.disk_usage(directory).free < 2 * size_bytes:
        return False
    making = directory / f"{NAME}.new"
    file = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Not truncate: a file of holes takes up no room, and would give none.
        os.posix_fallocate(file, 0, size_bytes)
        # Named last: what a killed worker left half is never taken for the whole.
        making.rename(path)
    except OSError:
        making.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def is_kept(directory: Path) -> bool:
    """Whether there is room to give away."""
    return (directory / NAME).exists()


def let_go(directory: Path) -> None:
    """Give the room away; nothing happens when that is done. Raises OSError when it can't be."""
    (directory / NAME).unlink(missing_ok=True)
