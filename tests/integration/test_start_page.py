"""The start pages, followed word for word: their commands run from the installed wheel, and do what the pages say."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import packages
import postgresql_server
import start_pages
from start_pages import Reader, commands

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B22"), pytest.mark.timeout(600)]
# The proof of the same name types these too, and waits for them for less than this.
INSTALLATION = [
    "python3 -m venv simsim",
    "simsim/bin/pip install --no-deps --require-hashes -r simsim-0.1.0-requirements.txt",
]
WAITING_MINUTES = 1.5


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, installed with its hash, beside the dependencies that the tests have already."""
    folder = tmp_path_factory.mktemp("program")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=packages.ROOT, capture_output=True, check=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    lock = folder / "lock.txt"
    lock.write_text(f"--find-links .\nsimsim=={wheel.name.split('-')[1]} --hash=sha256:{packages.sha256(wheel)}\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "simsim")], check=True, timeout=60)
    options = ("--quiet", "--no-deps", "--require-hashes", "--no-compile", "--no-index")
    done = packages.pip("--python", str(folder / "simsim/bin/python"), "install", *options, "-r", lock, folder=folder)
    assert done.returncode == 0, done.stderr
    (site,) = folder.glob("simsim/lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "simsim"


@pytest.fixture
def reader(program: Path, tmp_path: Path) -> Iterator[Reader]:
    """Somebody in an empty folder, without anything of the checkout, who has typed the installation already."""
    (tmp_path / "simsim").symlink_to(program)
    reader = Reader(tmp_path, {"PATH": os.defpath, "USER": "root", "HOME": str(tmp_path)})
    yield reader
    reader.leave()


def test_first_page_takes_ten_minutes() -> None:
    minutes = start_pages.minutes("index.md") + WAITING_MINUTES
    assert minutes <= 10, f"{minutes:.1f} minutes"


def test_both_pages_take_twenty_minutes() -> None:
    minutes = start_pages.minutes("index.md", "postgresql.md") + 2 * WAITING_MINUTES
    assert minutes <= 20, f"{minutes:.1f} minutes"


def test_every_command_of_the_first_page_does_what_it_says(reader: Reader) -> None:
    listed = commands("index.md")
    assert listed[:2] == INSTALLATION
    reader.follow(listed[2])
    assert reader.run("python -c 'import simsim; print(simsim.__file__)'", 10).startswith(
        f"{reader.folder}/simsim/lib/"
    )
    dialogue = reader.follow(listed[3])
    assert "Wrong: 1." in dialogue or "Wrong: 0." in dialogue
    reader.values["ACCOUNT_ID"] = start_pages.account_id(dialogue)
    start_pages.follow_to_the_end(reader, listed[4:])


def test_every_command_of_the_page_about_postgresql_does_what_it_says(reader: Reader) -> None:
    """The server is the tests' own, so its socket, its port and its superuser are named as libpq names them."""
    port = postgresql_server.start()
    (sockets, *_) = postgresql_server.SOCKETS
    reader.environment |= {"PGHOST": str(sockets), "PGPORT": str(port), "PGUSER": postgresql_server.SERVER_USER}
    reader.environment["PATH"] = f"{postgresql_server.binaries()}:{os.defpath}"
    installed, *created, setup = commands("postgresql.md")
    assert installed == "apt install postgresql"
    for command in created:
        reader.follow(command.removeprefix("sudo -u postgres ").replace('"$USER"', "reader"))
    reader.follow(commands("index.md")[2])
    url = f"host={sockets}&port={port}&user=reader"
    dialogue = reader.follow(setup.replace("host=/var/run/postgresql", url))
    assert "Every node needs the same keys" in dialogue
    reader.values["ACCOUNT_ID"] = start_pages.account_id(dialogue)
    assert "First token" in reader.follow(commands("index.md")[9])
