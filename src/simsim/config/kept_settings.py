"""`simsim.env` in the data directory, which `simsim setup` completes: it adds settings and changes none."""

import os
from collections.abc import Mapping
from pathlib import Path

from simsim.config import environment
from simsim.config.setting_sources import DATA_DIR, KEPT, PREFIX, data_dir, kept_settings, read_sources, read_text
from simsim.problem import Conflict, Unusable, gettext_noop

PRIVATE, PRIVATE_FILE = 0o700, 0o600


def is_set(name: str) -> bool:
    """Whether the setting has a value: in the environment, in a file that it names, or in `simsim.env`."""
    return field_name(name) in read_sources()


def propose(wanted: Mapping[str, str]) -> dict[str, str]:
    """Let this process use the wanted settings, and return those that are not set yet, for `keep`.

    Raises Conflict for a setting that has another value, Unusable for one that can't be used. Nothing is written.
    """
    given = read_sources()
    for name, value in wanted.items():
        found = given.get(field_name(name))
        if found is not None and found.value != value:
            raise Conflict(
                gettext_noop("%(name)s has another value already (%(origin)s). Change it there, or leave it out here."),
                name=name, origin=found.origin,
            )  # fmt: skip
    new = {name: value for name, value in wanted.items() if field_name(name) not in given}
    os.environ.update(new)
    try:
        environment.read()
    except Unusable:
        for name in new:
            del os.environ[name]
        raise
    return new


def keep(settings: Mapping[str, str]) -> Path:
    """Add the settings to `simsim.env`, which only its owner can read afterwards, and return its path.

    The file is replaced in one step, so that no reader finds half of it. A link stays, and its target is replaced.
    """
    path = (data_dir() / KEPT).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        old = read_text(DATA_DIR, path) if path.exists() else ""
        ended = old if old.endswith("\n") or not old else f"{old}\n"
        replace(path.resolve(), ended + "".join(f"{name}={quoted(value)}\n" for name, value in settings.items()))
    except OSError as error:
        raise Unusable(
            "%(path)s can't be written (%(reason)s)", path=str(path), reason=(error.strerror or str(error)).lower()
        ) from error
    kept_settings(path)
    return path


def replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def quoted(value: str) -> str:
    """Return the value as the file's parser reads it back."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def field_name(name: str) -> str:
    return name.removeprefix(PREFIX).lower()
