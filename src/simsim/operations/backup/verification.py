"""Checking a backup: its checksums, its databases, its version, its counts, and the keys for its passwords."""

import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from simsim.operations.backup import archive, contents, sealed_keys
from simsim.operations.backup.archive import Archive
from simsim.operations.backup.contents import Contents
from simsim.problem import Unusable
from simsim.tokens.keyring import Keyring

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def verify(path: Path, *, identity: Path | None) -> tuple[dict[str, Any], Contents]:
    """Prove that a backup can be restored, in a temporary folder; return its manifest and contents. Raises Unusable."""
    with archive.opened(path) as found, tempfile.TemporaryDirectory() as folder:
        prove_readable(found.path, found.manifest)
        try:
            copies = [Path(folder, name) for name in found.names]
            for copy in copies:
                found.extract(copy.name, copy)
        except OSError as error:
            raise Unusable(
                "%(path)s can't be unpacked into %(folder)s (%(reason)s): name another folder in TMPDIR",
                path=str(path), folder=folder, reason=(error.strerror or "").lower(),
            ) from error  # fmt: skip
        return found.manifest, prove_contents(found, copies, identity)


def prove_readable(path: Path, manifest: Mapping[str, Any]) -> None:
    """Raise Unusable for a backup of a newer Simsim."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    newer = sorted(each for each in manifest["migrations"] if each not in known)
    if newer:
        raise Unusable(
            "%(path)s is of Simsim %(theirs)s, and its database (%(migration)s) is newer than this Simsim, %(ours)s:"
            " install that version",
            path=str(path), theirs=manifest["version"], migration=newer[-1], ours=version("simsim"),
        )  # fmt: skip


def prove_fits(path: Path, manifest: Mapping[str, Any]) -> None:
    """Raise Unusable for a backup of databases of another kind than those in the settings."""
    here = {alias: connections[alias].vendor for alias in connections}
    if manifest["vendors"] != here:
        raise Unusable(
            "%(path)s has databases for %(theirs)s, but the settings name %(ours)s",
            path=str(path), theirs=in_words(manifest["vendors"]), ours=in_words(here),
        )  # fmt: skip


def prove_contents(found: Archive, copies: Sequence[Path], identity: Path | None) -> Contents:
    """Raise Unusable unless the copies are intact and the available keys, if any, decrypt every password."""
    keyring = Keyring(settings.OPERATOR.key_ring())
    if identity is not None:
        keyring = sealed_keys.keyring_with(keys_in(found, identity))
    read = contents.examine([copy for copy in copies if copy.name != archive.KEYS], keyring)
    manifest = found.manifest
    if read.counts != manifest["counts"]:
        raise Unusable("%(path)s is damaged: its databases do not have the rows that it lists", path=str(found.path))
    if not set(manifest["migrations"]) <= read.migrations:
        raise Unusable("%(path)s is damaged: its databases have another version than it lists", path=str(found.path))
    if read.unopened:
        at_hand = (
            f"The available keys cannot decrypt {read.unopened} of the passwords"
            if keyring.keys
            else "There are no keys here"
        )
        raise Unusable(
            "%(at_hand)s. %(path)s needs the keys %(ids)s: put them back, or give --identity",
            at_hand=at_hand, path=str(found.path), ids=", ".join(sorted(set(read.passwords_by_key) - keyring.ids())),
        )  # fmt: skip
    return read


def keys_in(found: Archive, identity: Path) -> dict[str, list[str] | str]:
    """Return the keys in a backup; raise Unusable if there are none, or if the identity does not open them."""
    if archive.KEYS not in found.names:
        raise Unusable("--identity: %(path)s contains no keys", path=str(found.path))
    return sealed_keys.open_sealed(found.read(archive.KEYS), identity)


def in_words(vendors: Mapping[str, str]) -> str:
    return " and ".join(dict.fromkeys(KINDS.get(vendor, vendor) for vendor in vendors.values()))
