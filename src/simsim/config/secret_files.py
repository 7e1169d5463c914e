"""Secrets in files, for an installation on one machine: `migrate` creates them, and only their owner can read them."""

import os
from pathlib import Path

from simsim.config.setting_sources import read_text
from simsim.problem import Unusable

MIN_SECRET_KEY = 32
SECRET_KEY = "SIMSIM_SECRET_KEY"  # noqa: S105 - the name of a setting


def kept_secret(name: str, path: Path) -> str:
    """Return the secret in a file, or "" if there is no file; raise Unusable if it can't be read."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError:  # no permission for the directory, which is reported below
        pass
    text = read_text(name, path).strip()
    if not text:
        raise Unusable("%(name)s: %(path)s is empty. Restore it from its backup", name=name, path=str(path))
    return text


def make_secret(path: Path, text: str) -> None:
    """Write a new secret into its own file, unless another process creates it first."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # Sync the key to disk before anything is encrypted with it: a power cut must not lose a key in use.
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()


def replace_secret(path: Path, text: str) -> None:
    """Replace the text of a file, which at each moment holds all of the old or all of the new text."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def prove_secret_key(text: str) -> None:
    if len(text) < MIN_SECRET_KEY:
        raise Unusable("%(name)s is shorter than 32 characters", name=SECRET_KEY)
