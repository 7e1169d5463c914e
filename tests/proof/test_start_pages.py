"""The start pages from nothing: the release is built, the folder is empty, and the checkout can't be seen."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import packages
import postgresql_server
import start_pages
from start_pages import Reader, commands

pytestmark = pytest.mark.timeout(1200)
# Runs a command in a mount namespace in which an empty folder lies over the checkout.
WITHOUT_CHECKOUT = f'mount -t tmpfs none "{packages.ROOT}" && cd "$PWD" && exec sh -c "$0"'


def shell() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *user, "sh", "-c", WITHOUT_CHECKOUT]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.build(tmp_path_factory.mktemp("release"), is_small=False)


@pytest.fixture
def reader(release: Path, tmp_path: Path) -> Iterator[Reader]:
    """Somebody in a folder with the wheel and its lock, and nothing else."""
    for pattern in ("*.whl", "*-requirements.txt"):
        (path,) = release.glob(pattern)
        shutil.copy(path, tmp_path)
    # The machine's Python, and pip's own configuration: which index it uses.
    python = Path(sys.base_prefix) / "bin"
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    reader = Reader(tmp_path, pip | {"PATH": f"{python}:{os.defpath}", "HOME": str(tmp_path), "USER": "root"}, shell())
    yield reader
    reader.leave()


def install(reader: Reader) -> None:
    """Type the first page's commands up to `simsim setup`."""
    assert reader.run(f"ls -A {packages.ROOT}", 10) == ""
    for command in commands("index.md")[:3]:
        reader.follow(command, seconds=600)


def test_first_page_takes_ten_minutes_with_all_its_waiting(reader: Reader) -> None:
    started = time.monotonic()
    install(reader)
    reader.values["ACCOUNT_ID"] = start_pages.account_id(reader.follow(commands("index.md")[3]))
    start_pages.follow_to_the_end(reader, commands("index.md")[4:])
    told("index.md", waited=(time.monotonic() - started) / 60, limit=10)


def test_both_pages_take_twenty_minutes_with_all_their_waiting(reader: Reader) -> None:
    port = postgresql_server.start()
    (sockets, *_) = postgresql_server.SOCKETS
    started = time.monotonic()
    server = {"PGHOST": str(sockets), "PGPORT": str(port), "PGUSER": postgresql_server.SERVER_USER}
    for command in commands("postgresql.md")[1:3]:
        typed = command.removeprefix("sudo -u postgres ").replace('"$USER"', "proof")
        path = f"{postgresql_server.binaries()}:{os.defpath}"
        Reader(reader.folder, server | {"PATH": path}, reader.shell).follow(typed)
    install(reader)
    url = f"host={sockets}&port={port}&user=proof"
    dialogue = reader.follow(commands("postgresql.md")[3].replace("host=/var/run/postgresql", url))
    reader.values["ACCOUNT_ID"] = start_pages.account_id(dialogue)
    start_pages.follow_to_the_end(reader, commands("index.md")[4:])
    told("index.md", "postgresql.md", waited=(time.monotonic() - started) / 60, limit=20)


def told(*pages: str, waited: float, limit: float) -> None:
    """Print the minutes of a reader who types everything, and fail if they are too many."""
    minutes = start_pages.minutes(*pages) + waited
    print(f"\n{' and '.join(pages)}: {minutes:.1f} minutes, of which {waited:.1f} waiting")
    assert minutes <= limit
