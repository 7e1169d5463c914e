"""`pip install simsim` installs few packages, and they are enough to protect an API in Python."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import packages
from postgresql_server import free_port
from stack import Stack, settled

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9"), pytest.mark.timeout(600)]
MAX_PACKAGES = 9
API = """from fastapi import FastAPI
from simsim.middleware import SimsimASGI
api = FastAPI()
@api.get("/orders")
def orders(): return {"orders": 3}
app = SimsimASGI(api)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (found,) = packages.build(tmp_path_factory.mktemp("lean"), is_small=True).glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an empty environment into which `pip install simsim` went, at the versions of our lock."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    simsim = f"simsim @ {wheel.as_uri()} --hash=sha256:{packages.sha256(wheel)}\n"
    install(folder, simsim + locked(closure(required_by_the_wheel(wheel))))
    return folder / "bin"


def required_by_the_wheel(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return re.findall(r"^Requires-Dist: (.*)$", archive.read(metadata).decode(), re.M)


def closure(requirements: list[str]) -> set[str]:
    """Return the names of the packages that pip would install for the requirements, without any extra."""
    wanted, found = [Requirement(text) for text in requirements], set[str]()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        wanted += map(Requirement, distribution(name).requires or [])
    return found


def locked(names: set[str]) -> str:
    """Return the lines of the tests' lock about these packages, with their hashes."""
    lock = (packages.ROOT / "requirements/test.txt").read_text(encoding="utf-8")
    return "".join(re.findall(rf"^(?:{'|'.join(names)})==.*(?:\n    --hash=.*)+\n", lock, re.M))


def install(environment: Path, requirements: str) -> None:
    """Let pip install exactly these; it fails if they need a package that is not among them."""
    lock = environment / "requirements.txt"
    lock.write_text(requirements)
    done = packages.pip(
        "--python", environment / "bin/python", "install", "-q", "--require-hashes", "-r", lock, folder=environment
    )
    assert done.returncode == 0, done.stderr


def test_it_installs_fewer_than_ten_packages(programs: Path) -> None:
    done = packages.pip("--python", programs / "python", "list", "--format", "json", folder=programs)
    names = {each["name"] for each in json.loads(done.stdout)}
    assert "simsim" in names
    assert len(names) <= MAX_PACKAGES, sorted(names)


def test_command_line_says_what_is_missing(programs: Path) -> None:
    done = subprocess.run([programs / "simsim"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "simsim: the command line needs the package typer. Install all of Simsim: pip install 'simsim[server]'\n"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SIMSIM_DATABASE_URL": "postgresql://db.example/simsim"}, "The package psycopg is not installed"),
        ({"SIMSIM_LOG_FORMAT": "json"}, "The package structlog is not installed"),
        ({"SIMSIM_TRUSTED_PROXY": "10.0.0.1"}, "did you mean SIMSIM_TRUSTED_PROXIES?"),
    ],
)
def test_middleware_says_what_is_missing(programs: Path, tmp_path: Path, settings: dict[str, str], words: str) -> None:
    code = "from simsim.middleware import SimsimASGI; SimsimASGI(print)"
    done = subprocess.run(
        [programs / "python", "-c", code], env={"PATH": os.defpath, "SIMSIM_DATA_DIR": str(tmp_path)} | settings,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert words in done.stderr.splitlines()[-1]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An installation of which only the worker runs, with a setting in `simsim.env`."""
    stack = Stack(tmp_path / "stack", on_postgresql=False)
    stack.copy(settled(on_postgresql=False))
    (stack.data / "simsim.env").write_text('# of the operator\nSIMSIM_TRUSTED_PROXIES="192.0.2.7"\n')
    stack.start_worker()
    yield stack
    stack.stop()


def test_six_lines_protect_an_api(programs: Path, stack: Stack) -> None:
    assert len(API.splitlines()) == 6
    install(programs.parent, locked(closure(["fastapi", "granian"])))
    (stack.directory / "example.py").write_text(API)
    stack.gateway_port = free_port()
    stack.spawn(
        "API", programs / "python", "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port",
        str(stack.gateway_port), "--log-level", "error", "--working-dir", str(stack.directory), "example:app",
    )  # fmt: skip
    stack.wait_until(lambda: stack.get("/orders").status == 401, "the API answers")
    token = stack.create_token("Lean")
    auth = (token["username"], token["password"])
    said = stack.get("/orders", auth=auth)
    assert (said.status, json.loads(said.body)) == (200, {"orders": 3})
    stack.revoke(token["id"])
    assert stack.get("/orders", auth=auth).status == 401
    stack.wait_until(lambda: len(stack.log_rows(token=token["id"])) == 2, "the log has the requests")
