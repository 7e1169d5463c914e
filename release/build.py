"""Builds the packages of this version: the wheel, the source archive, the lock and the list of its packages."""

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import bill_of_materials

CHECKOUT = Path(__file__).resolve().parents[1]
SITE = CHECKOUT / "src/simsim/console/site/index.html"
LOCK = CHECKOUT / "requirements/package.txt"
VERSION: str = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
# The time of all files in the packages, 1 January 2026, so that two builds of one version are identical.
BUILD_TIME = "1767225600"


def main(folder: Path) -> int:
    """Build everything into `folder`, print the path of each package, and return the exit status."""
    if not SITE.exists():
        sys.stderr.write("The documentation site is missing: run `make release`, which builds it first.\n")
        return 1
    os.environ.setdefault("SOURCE_DATE_EPOCH", BUILD_TIME)
    folder.mkdir(parents=True, exist_ok=True)
    wheel, archive = build_python_packages(folder)
    lock = write_lock(folder, wheel)
    bill = folder / f"simsim-{VERSION}.cdx.json"
    built_at = int(os.environ["SOURCE_DATE_EPOCH"])
    bill_of_materials.write(
        bill, version=VERSION, wheel_sha256=sha256(wheel), lock=LOCK.read_text(encoding="utf-8"), built_at=built_at
    )
    packages = (wheel, archive, lock, bill)
    write_checksums(folder, packages)
    sys.stdout.write("".join(f"{package}\n" for package in packages))
    return 0


def build_python_packages(folder: Path) -> tuple[Path, Path]:
    """Return the wheel and the source archive, both built."""
    command = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder.resolve()))
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return folder / f"simsim-{VERSION}-py3-none-any.whl", folder / f"simsim-{VERSION}.tar.gz"


def write_lock(folder: Path, wheel: Path) -> Path:
    """Return a file for `pip install -r`, which lists the wheel and everything that it needs, each with its hashes.

    pip looks for the wheel in the folder that contains the lock, wherever pip is started.
    """
    path = folder / f"simsim-{VERSION}-requirements.txt"
    first = f"--find-links .\nsimsim=={VERSION} --hash=sha256:{sha256(wheel)}\n"
    path.write_text(first + LOCK.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def write_checksums(folder: Path, packages: tuple[Path, ...]) -> None:
    """Write SHA256SUMS, which `sha256sum --check` reads."""
    lines = [f"{sha256(package)}  {package.name}\n" for package in packages]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
