"""systemd accepts the units, and each command in them runs within the unit's sandbox."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

import packages
import units
from postgresql_server import free_port
from processes import wait_for

pytestmark = pytest.mark.any_database
PROGRAMS = Path(sys.executable).parent
SERVICES = ("serve", "worker", "gateway")
# From 0 (safe) to 10. An unconfined service has 9.6.
MAX_EXPOSURE = 1.6
SANDBOX_HEADING = "# The sandbox is the same in all three units.\n"


def unit(name: str) -> Path:
    return units.UNITS / f"simsim-{name}.service"


@pytest.fixture
def with_our_programs(tmp_path: Path) -> Path:
    """The units, with programs that exist on this machine."""
    for path in units.UNITS.iterdir():
        text = path.read_text().replace(units.PROGRAMS, str(PROGRAMS))
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_systemd_accepts_the_units(with_our_programs: Path) -> None:
    paths = sorted(with_our_programs.iterdir())
    assert [path.name for path in paths] == [
        "simsim-gateway.service", "simsim-serve.service", "simsim-worker.service", "simsim.target",
    ]  # fmt: skip
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_a_unit_is_found(with_our_programs: Path) -> None:
    path = with_our_programs / "simsim-worker.service"
    path.write_text(path.read_text().replace("ProtectSystem=strict", "ProtectSystm=strict"))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert "ProtectSystm" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_of_each_service_is_low(with_our_programs: Path, name: str) -> None:
    path = with_our_programs / f"simsim-{name}.service"
    threshold = f"--threshold={round(MAX_EXPOSURE * 10)}"
    command = ("systemd-analyze", "security", "--offline=true", threshold, "--no-pager", path)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_all_services_have_the_same_sandbox() -> None:
    first, *others = (unit(name).read_text().partition(SANDBOX_HEADING)[2] for name in SERVICES)
    assert "NoNewPrivileges=yes" in first
    assert others == [first, first]


def test_the_target_starts_and_stops_every_service() -> None:
    for name in SERVICES:
        settings = units.read(unit(name))
        assert settings["PartOf"] == settings["WantedBy"] == ["simsim.target"]
        assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


@contextmanager
def started(name: str, data: Path, options: dict[str, str], errors: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run the ExecStart of a service within its sandbox, with the options of /etc/default/simsim."""
    variables = units.environment(unit(name), options)
    assert variables["SIMSIM_DATA_DIR"] == units.STATE
    command = units.confined(unit(name), units.start_command(unit(name), PROGRAMS, variables))
    environment = {"PATH": os.defpath} | variables | {"SIMSIM_DATA_DIR": str(data)}
    with (
        errors.open("ab") as stderr,
        subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=stderr) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_every_service_runs_reloads_and_stops_within_its_sandbox(tmp_path: Path) -> None:
    data, console, gateway, errors = tmp_path / "data", free_port(), free_port(), tmp_path / "errors"
    packages.run(PROGRAMS / "simsim", "migrate", data=data)
    options = {
        "SERVE_OPTIONS": f"--host 127.0.0.1 --port {console}",
        "GATEWAY_OPTIONS": f"--upstream http://127.0.0.1:9 --listen 127.0.0.1:{gateway}",
    }
    with ExitStack() as stack:
        processes = {name: stack.enter_context(started(name, data, options, errors)) for name in SERVICES}
        health = f"http://127.0.0.1:{gateway}/.simsim/health"
        ready = f"http://127.0.0.1:{console}/readyz"
        assert packages.wait_for(ready, processes["serve"], '"worker":{"ok":true')
        assert packages.wait_for(health, processes["gateway"])
        for process in processes.values():
            process.send_signal(signal.SIGHUP)
        wait_for(lambda: errors.read_text().count("Reloaded") == len(SERVICES), 60)
        assert all(process.poll() is None for process in processes.values())
        assert packages.wait_for(health, processes["gateway"])
        assert urlopen(ready, timeout=10).status == 200
    assert {name: process.returncode for name, process in processes.items()} == dict.fromkeys(SERVICES, 0)


def test_a_call_outside_the_sandbox_fails(tmp_path: Path) -> None:
    """Otherwise the test above would show nothing."""
    code = "import os, sys; os.chroot('/')"
    done = subprocess.run(
        units.confined(unit("serve"), [sys.executable, "-c", code]), capture_output=True, text=True, check=False
    )
    assert "Operation not permitted" in done.stderr
