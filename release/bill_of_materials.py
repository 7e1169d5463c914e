"""Lists what a release consists of: its wheel and every package of its lock, in the form of CycloneDX 1.6."""

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

PACKAGE = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def write(path: Path, *, version: str, wheel_sha256: str, lock: str, built_at: int) -> None:
    """Write the list of a lock's packages with all their hashes. `built_at` counts seconds since 1970."""
    product = component("simsim", version, [wheel_sha256], ComponentType.APPLICATION)
    parts = [component(*each) for each in packages_of(lock)]
    bom = Bom(components=parts)
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(built_at, UTC)
    # The same release has the same number, so that two builds of it are identical.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"simsim {version} {wheel_sha256}")
    bom.register_dependency(product, parts)
    path.write_text(JsonV1Dot6(bom).output_as_string(indent=1) + "\n", encoding="utf-8")


def packages_of(lock: str) -> list[tuple[str, str, list[str]]]:
    """Return the name, the version and the hashes of each package that a lock lists."""
    found = list(PACKAGE.finditer(lock))
    ends = [each.start() for each in found[1:]] + [len(lock)]
    return [(each[1], each[2], HASH.findall(lock, each.end(), end)) for each, end in zip(found, ends, strict=True)]


def component(name: str, version: str, hashes: list[str], kind: ComponentType = ComponentType.LIBRARY) -> Component:
    """Return a package of PyPI; it has one hash for each of its files."""
    purl = PackageURL("pypi", name=name, version=version)
    kept = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes]
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl), hashes=kept)
