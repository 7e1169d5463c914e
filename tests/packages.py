"""The packages of a release, built from a copy of the checkout, and environments in which they are installed."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
NOT_COPIED = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".cache",
    ".demo*",
    ".*_cache",
    "__pycache__",
    "site",
    "dist",
    "results",
    "screenshots",
    "mail-previews",
)


def build(folder: Path) -> Path:
    """Build a release from a copy of the checkout in `folder`, as `make release` does; return its packages' folder."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    site = copy / "src/simsim/console/site"
    sphinx = ("-m", "sphinx", "-q", "-c", "docs/_sphinx", "-d", str(folder / "doctrees"), "docs", str(site))
    subprocess.run([sys.executable, *sphinx], cwd=copy, capture_output=True, check=True, timeout=120)
    return build_again(folder, folder / "dist")


def build_again(folder: Path, packages: Path) -> Path:
    """Build a release from the same copy into another folder, and return that folder."""
    command = [sys.executable, "release/build.py", str(packages)]
    subprocess.run(command, cwd=folder / "checkout", capture_output=True, check=True, timeout=170)
    return packages


def download(lock: Path, folder: Path) -> Path:
    """Download what the lock lists, with hashes, once for all packages that are built from it; return the folder."""
    done = pip("download", "--quiet", "--no-deps", "--require-hashes", "-d", folder, "-r", lock, folder=lock.parent)
    assert done.returncode == 0, done.stderr
    return folder


def build_debian_package(folder: Path, packages: Path, downloads: Path) -> Path:
    """Build the Debian package from the packages in the release, and return it."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(downloads)}
    command = [sys.executable, "release/debian.py", str(packages)]
    copy = folder / "checkout"
    done = subprocess.run(
        command, cwd=copy, env=os.environ | offline, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def install(lock: Path, folder: Path, downloads: Path) -> Path:
    """Install what the lock lists, with hashes, into a new and empty environment; return its `bin` folder."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=60)
    arguments = ("--quiet", "--no-deps", "--require-hashes", "--no-compile", "--no-index", "--find-links", downloads)
    done = pip("install", *arguments, "-r", lock, folder=folder, command=folder / "bin/pip")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def pip(*arguments: str | Path, folder: Path, command: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run pip in the folder with the machine's own configuration, and return how it ended."""
    command = command or Path(sys.executable).with_name("pip")
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=170, cwd=folder)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(command: Path, *arguments: str, data: Path, seconds: float = 60) -> str:
    """Return what an installed command printed, run without anything of this checkout or of its environment."""
    done = subprocess.run(
        [command, *arguments], env=environment(data), cwd=data.parent, capture_output=True, text=True, check=False,
        timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(data: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "SIMSIM_DATA_DIR": str(data)}


def wait_for(url: str, process: "subprocess.Popen[bytes]", text: str = "", seconds: float = 40) -> bool:
    """Return True once the URL answers 200 with the text; fails when the process ends or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None
        with contextlib.suppress(OSError):
            if text in urlopen(url, timeout=5).read().decode():
                return True
        time.sleep(0.1)
    return False
