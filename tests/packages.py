"""The packages of a release, built from a copy of the checkout, and environments in which they are installed.

A small release has a site of two pages and a lock that lists only Simsim; what is installed from it borrows the other
packages from the environment of the tests.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

from postgresql_server import free_port

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


def build(folder: Path, *, is_small: bool) -> Path:
    """Build a release from a copy of the checkout in `folder`, as `make release` does; return its packages' folder."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    site = copy / "src/simsim/console/site"
    if is_small:
        for page in ("index.html", "operators/install.html"):
            (site / page).parent.mkdir(parents=True, exist_ok=True)
            (site / page).write_text(f"<h1>{page}</h1>")
    else:
        sphinx = ("-m", "sphinx", "-q", "-c", "docs/_sphinx", "-d", str(folder / "doctrees"), "docs", str(site))
        subprocess.run([sys.executable, *sphinx], cwd=copy, capture_output=True, check=True, timeout=120)
    return build_again(folder, folder / "dist")


def build_again(folder: Path, packages: Path) -> Path:
    """Build a release from the same copy into another folder, and return that folder."""
    command = [sys.executable, "release/build.py", str(packages)]
    subprocess.run(command, cwd=folder / "checkout", capture_output=True, check=True, timeout=170)
    return packages


def without_others(packages: Path, folder: Path) -> Path:
    """Copy a release with a lock that lists only Simsim, and return the copy's lock."""
    shutil.copytree(packages, folder)
    lock = lock_of(folder)
    lock.write_text("".join(lock.read_text().splitlines(keepends=True)[:2]))
    return lock


def lock_of(packages: Path) -> Path:
    (lock,) = packages.glob("simsim-*-requirements.txt")
    return lock


def download(lock: Path, folder: Path) -> Path:
    """Download what the lock lists, with hashes, once for all packages that are built from it; return the folder."""
    done = pip("download", "--quiet", "--no-deps", "--require-hashes", "-d", folder, "-r", lock, folder=lock.parent)
    assert done.returncode == 0, done.stderr
    return folder


def unpacked_debian_package(folder: Path, packages: Path, downloads: Path) -> Path:
    """Build the Debian package from the packages in the release, unpack it, and return its root.

    Its control files are in DEBIAN.
    """
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(downloads)}
    command = [sys.executable, "release/debian.py", str(packages)]
    copy, root = folder / "checkout", folder / "root"
    done = subprocess.run(
        command, cwd=copy, env=os.environ | offline, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    subprocess.run(["dpkg-deb", "--raw-extract", done.stdout.strip(), root], check=True, timeout=60)
    return root


def install(lock: Path, folder: Path, downloads: Path) -> Path:
    """Install what the lock lists, with hashes, into a new and empty environment; return its `bin` folder."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    options = ("--quiet", "--no-deps", "--require-hashes", "--no-compile", "--no-index", "--find-links", downloads)
    done = pip("--python", folder / "bin/python", "install", *options, "-r", lock, folder=lock.parent)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@contextlib.contextmanager
def lent_packages(environment: Path) -> Iterator[None]:
    """Let an environment import this one's packages after its own; not this checkout, which takes a hook."""
    (folder,) = environment.glob("lib/python*/site-packages")
    lent = folder / "lent.pth"
    lent.write_text(sysconfig.get_path("purelib") + "\n")
    try:
        yield
    finally:
        lent.unlink()


def pip(*arguments: str | Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run pip in the folder with the machine's own configuration, and return how it ended."""
    command = Path(sys.executable).with_name("pip")
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=170, cwd=folder)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(command: Path, *arguments: str, data: Path, seconds: float = 240) -> str:
    """Return what an installed command printed, run without anything of this checkout or of its environment."""
    done = subprocess.run(
        [command, *arguments], env=environment(data), cwd=data.parent, capture_output=True, text=True, check=False,
        timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(data: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "SIMSIM_DATA_DIR": str(data)}


def wait_for(url: str, process: "subprocess.Popen[bytes]", text: str = "", seconds: float = 120) -> bool:
    """Return True once the URL answers 200 with the text; fails when the process ends or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None
        with contextlib.suppress(OSError):
            if text in urlopen(url, timeout=5).read().decode():
                return True
        time.sleep(0.1)
    return False


def prove_that_it_serves(command: Path, data: Path) -> None:
    """Run `serve` on a migrated directory: it becomes ready, shows a page and its stylesheet, and ends well."""
    port = free_port()
    with subprocess.Popen(
        [command, "serve", "--port", str(port)], env=environment(data), cwd=data, stdout=subprocess.DEVNULL
    ) as server:
        try:
            assert wait_for(f"http://127.0.0.1:{port}/readyz", server)
            page = urlopen(f"http://127.0.0.1:{port}/sign-in/login/", timeout=10).read().decode()
            (sheet, *_) = re.findall(r'href="(/static/[^"]+\.css)"', page)
            assert urlopen(f"http://127.0.0.1:{port}{sheet}", timeout=10).status == 200
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode == 0


def lent_folder(folder: Path) -> Path:
    """Fill a folder for PYTHONPATH with this environment's packages, but not this checkout; return it."""
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not re.match(r"(_editable_impl_)?simsim", path.name):
            (folder / path.name).symlink_to(path)
    return folder
