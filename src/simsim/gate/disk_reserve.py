"""A file that reserves room on the disk: it is deleted when the disk is full, to make room for log lines."""

import errno
import os
import shutil
from pathlib import Path

NAME = ".ballast"
SIZE_BYTES = 64 * 1024 * 1024  # room for about 200,000 of the gate's lines
# The errors of the operating system for a full disk and for a user's full quota.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep(directory: Path, size_bytes: int = SIZE_BYTES) -> bool:
    """Create the ballast file if there is room for twice its size. Return whether the file exists. Raises OSError."""
    path = directory / NAME
    if path.exists():
        return True
    if shutil.disk_usage(directory).free < 2 * size_bytes:
        return False
    making = directory / f"{NAME}.new"
    file = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Do not use truncate: a sparse file takes up no room, so deleting it would free none.
        os.posix_fallocate(file, 0, size_bytes)
        # Rename last: a file that a killed worker left half written must never count as ballast.
        making.rename(path)
    except OSError:
        making.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def is_kept(directory: Path) -> bool:
    """Whether the ballast file exists."""
    return (directory / NAME).exists()


def let_go(directory: Path) -> None:
    """Delete the ballast file if it exists. Raises OSError."""
    (directory / NAME).unlink(missing_ok=True)
