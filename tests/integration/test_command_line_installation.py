"""An installation is migrated, run, examined and stopped through its real processes."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

import preloaded
from postgresql_server import free_port
from processes import descendants, is_alive, wait_for
from simsim.gate.question import ask
from simsim.health.probes import port_status, socket_status

SIMSIM = Path(sys.executable).parent / "simsim"
LOOPBACK = "127.0.0.1"
VERBS = (["serve", "--port", "9"], ["account", "list"], ["worker"], ["doctor"], ["migrate"])
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


class Installation:
    """One data directory on SQLite, and the command line on it."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SIMSIM_", "DJANGO_"))}
        self.environment = inherited | {"SIMSIM_DATA_DIR": str(self.data), "SIMSIM_EMAIL_URL": "smtp://127.0.0.1:9"}

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return preloaded.run(arguments, env=self.environment | settings)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [SIMSIM, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def socket(self) -> Path:
        return self.data / "run" / "gate.sock"


Serving = tuple[Installation, "subprocess.Popen[str]", int]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory that the tests copy."""
    installation = Installation(tmp_path_factory.mktemp("migrated"))
    done = installation.run("migrate")
    assert done.returncode == 0, done.stderr
    return installation.data


@pytest.fixture
def ready(installation: Installation, migrated: Path) -> Installation:
    shutil.copytree(migrated, installation.data)
    return installation


@contextlib.contextmanager
def served(installation: Installation) -> "Iterator[Serving]":
    """Run `simsim serve` until the end of the block, unless that has ended it."""
    port = free_port()
    with installation.start("serve", "--port", str(port), "--json") as process:
        try:
            assert process.stdout is not None
            said = "".join(takewhile(lambda line: line != "}\n", process.stdout)) + "}"
            assert json.loads(said)["port"] == port
            yield installation, process, port
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Serving]:
    """One that goes on serving, for the tests that leave it so."""
    installation = Installation(tmp_path_factory.mktemp("serving"))
    shutil.copytree(migrated, installation.data)
    with served(installation) as running:
        yield running


@pytest.fixture
def serving_to_end(ready: Installation) -> Iterator[Serving]:
    """One that a test may end."""
    with served(ready) as running:
        yield running


@pytest.mark.covers("B11")
def test_migrating_twice_changes_nothing_and_leaves_private_directories(ready: Installation) -> None:
    databases = sorted(ready.data.glob("*.sqlite3"))
    assert [path.name for path in databases] == ["request_log.sqlite3", "simsim.sqlite3"]
    for path in databases:
        path.chmod(0o644)  # as earlier versions made them
    again = ready.run("migrate", "--json")
    assert (again.returncode, json.loads(again.stdout), again.stderr) == (0, {"done": []}, "")
    assert ready.run("migrate", "--check").returncode == 0
    for room in (ready.data, *(ready.data / name for name in ("spool", "run", "keys"))):
        assert room.stat().st_mode & 0o777 == 0o700
    for path in (*(ready.data / "keys").iterdir(), *ready.data.glob("*.sqlite3*")):
        assert path.stat().st_mode & 0o777 == 0o600, path.name
    assert any((ready.data / "static").iterdir())


def test_nothing_serves_before_the_first_migration(installation: Installation) -> None:
    refused = installation.run("serve", "--port", str(free_port()))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("simsim: Not up to date (")
    assert refused.stderr.endswith("run simsim migrate\n")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"SIMSIM_BASE_URL": "ftp://x"}, "SIMSIM_BASE_URL"),
        ({"SIMSIM_SECRET_KEY": "short"}, "SIMSIM_SECRET_KEY"),
        ({"SIMSIM_TRUSTED_PROXIES": "0.0.0.0/0"}, "SIMSIM_TRUSTED_PROXIES"),
        (
            {"SIMSIM_BASEURL": "https://console.example"},
            "SIMSIM_BASEURL is not a setting: did you mean SIMSIM_BASE_URL?",
        ),
        ({"SIMSIM_EMAIL_URL": "smtp://h:25?starttls=true"}, "SIMSIM_EMAIL_URL"),
        ({"SIMSIM_DATABASE_URL": "postgresql://u:p@db"}, "SIMSIM_DATABASE_URL names no database"),
    ],
)
def test_unusable_setting_stops_every_verb_with_one_line_that_names_it(
    installation: Installation, settings: dict[str, str], name: str
) -> None:
    # One check serves them all; for every setting, each verb would take as long as many other tests.
    for verb in VERBS if name == "SIMSIM_BASE_URL" else (["serve", "--port", str(free_port())],):
        refused = installation.run(*verb, **settings)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"simsim: {name}")
        assert refused.stderr.count("\n") == 1


def test_every_verb_reads_the_settings_file_and_the_environment_takes_precedence(ready: Installation) -> None:
    (ready.data / "simsim.env").write_text('SIMSIM_BASE_URL="ftp://kept"\n')
    refused = ready.run("account", "list")
    assert refused.stderr.startswith("simsim: SIMSIM_BASE_URL must be a URL")
    assert ready.run("account", "list", SIMSIM_BASE_URL="http://localhost:8000").returncode == 0


@pytest.mark.covers("B11")
def test_serve_runs_console_gate_and_worker(serving: Serving) -> None:
    installation, process, port = serving
    assert port_status(LOOPBACK, port, "/healthz") == 200
    assert port_status(LOOPBACK, port, "/readyz") == 200
    assert port_status(LOOPBACK, port, "/gate/verify", timeout_seconds=20) == 404  # the first page loads all of them
    assert socket_status(installation.socket, "/gate/verify") == 401
    assert installation.socket.stat().st_mode & 0o777 == 0o660
    below = descendants(process.pid)
    assert len(below) == 6  # a server with a process of the console, one with two of the gate, and our worker


def worker_of(serve: int) -> list[int]:
    return [pid for pid in descendants(serve) if command_of(pid).endswith(b"\0worker\0")]


def command_of(pid: int) -> bytes:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.mark.covers("B11")
def test_worker_that_keeps_dying_ends_no_other_and_no_process_is_left_when_serve_itself_is_killed(
    serving_to_end: Serving,
) -> None:
    installation, process, port = serving_to_end
    assert process.stderr is not None
    for _ in range(5):
        (worker,) = worker_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda worker=worker: worker_of(process.pid) not in ([], [worker]))  # type: ignore[misc]
    said = installation.run("doctor").stdout
    assert "it ended 5 times in a row (SIGKILL)" in next(line for line in said.splitlines() if "  worker: " in line)
    assert process.poll() is None
    assert socket_status(installation.socket, "/healthz") == port_status(LOOPBACK, port, "/healthz") == 200
    below = descendants(process.pid)
    process.kill()
    process.wait(10)
    wait_for(lambda: not any(is_alive(pid) for pid in below))
    assert port_status(LOOPBACK, port, "/healthz") is None
    assert process.stderr.read().count("simsim: worker ended (SIGKILL); it restarts in ") == 5


def test_killed_gate_answers_again(serving: Serving) -> None:
    installation, process, _ = serving
    gate = next(pid for pid in descendants(process.pid)[::-1] if b"gate.sock" in command_of(pid))
    os.kill(gate, signal.SIGKILL)
    wait_for(lambda: not is_alive(gate))
    wait_for(lambda: socket_status(installation.socket, "/healthz") == 200)


def test_port_or_socket_in_use_is_reported_in_one_line(serving: Serving) -> None:
    installation, _, port = serving
    taken = installation.run("serve", "--port", str(port))
    assert (taken.returncode, taken.stderr) == (
        1, f"simsim: Port {port} on 127.0.0.1 is in use or may not be used: choose another with --port\n",
    )  # fmt: skip
    second = installation.run("serve", "--port", str(free_port()))
    assert second.returncode == 1
    assert second.stderr.startswith("simsim: A gate already runs on ")


@pytest.mark.covers("R17")
def test_refusal_is_in_the_log_within_a_second(serving: Serving) -> None:
    installation, _, _ = serving
    account = json.loads(installation.run("account", "create", "Acme", "--json").stdout)["id"]
    verdict = ask(installation.socket, username=account, password="wrong", address=None)
    assert verdict
    assert verdict.status == 401
    time.sleep(1)
    page = json.loads(installation.run("log", "list", "--account", account, "--json").stdout)
    assert [row["status"] for row in page["items"]] == [401]


def test_worker_stops_at_sigterm(ready: Installation) -> None:
    with ready.start("worker") as worker:
        wait_for((ready.data / "spool" / ".worker").is_file)
        worker.terminate()
        assert worker.wait(10) == 0


@pytest.mark.covers("B11")
def test_doctor_does_not_call_parts_wrong_that_were_never_started(ready: Installation) -> None:
    with socket.create_server((LOOPBACK, 0)) as closed:
        port = closed.getsockname()[1]
    examined = ready.run("doctor", "--json", SIMSIM_EMAIL_URL=f"smtp://127.0.0.1:{port}")
    findings = {item["subject"]: item for item in json.loads(examined.stdout)["items"]}
    assert json.loads(examined.stderr)["detail"] == "Something is wrong with: mail"
    waiting = {subject for subject, item in findings.items() if item["state"] == "not_started"}
    assert waiting == {"gate", "gateway", "worker", "disk", "backup"}
    assert all(findings[subject]["ok"] for subject in waiting)
    lines = ready.run("doctor").stdout.splitlines()
    assert sum(line.startswith("not yet  ") for line in lines) == 5


def test_doctor_before_the_first_migration_asks_only_for_that(installation: Installation) -> None:
    examined = installation.run("doctor", "--json")
    wrong = {item["subject"]: item["detail"] for item in json.loads(examined.stdout)["items"] if not item["ok"]}
    assert wrong.pop("mail")
    assert set(wrong) == {"database “default”", "database “request_log”", "disk"}
    assert all("run simsim migrate" in detail for detail in wrong.values())


@pytest.mark.covers("B11")
def test_doctor_says_that_serve_has_ended_and_no_process_is_left(serving_to_end: Serving) -> None:
    installation, process, port = serving_to_end

    def found() -> dict[str, dict[str, Any]]:
        items = json.loads(installation.run("doctor", "--json").stdout)["items"]
        return {item["subject"]: item for item in items if item["subject"] in {"gate", "console", "worker"}}

    wait_for((installation.data / "spool" / ".worker").exists)
    wait_for(lambda: "last round" in found()["worker"]["detail"])
    assert {subject: item["state"] for subject, item in found().items()} == dict.fromkeys(
        ("gate", "console", "worker"), "ok"
    )
    assert found()["console"]["detail"] == f"answers on 127.0.0.1:{port}"
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    connection.request("GET", "/readyz")
    assert json.loads(connection.getresponse().read())["status"] == "ok"
    connection.close()
    below = descendants(process.pid)
    process.terminate()
    assert process.wait(20) == 0
    wait_for(lambda: not any(is_alive(pid) for pid in below), 5)
    assert not installation.socket.exists()
    ended = found()
    assert {subject: item["state"] for subject, item in ended.items()} == dict.fromkeys(("gate", "worker"), "wrong")
    assert ended["gate"]["detail"].endswith("and simsim serve has ended: start it again")
    assert "then it was stopped: start simsim worker" in ended["worker"]["detail"]


def test_doctor_says_what_is_wrong_and_what_to_do(serving: Serving) -> None:
    installation, _, _ = serving
    with socket.create_server((LOOPBACK, 0)) as closed:
        port = closed.getsockname()[1]
    examined = installation.run("doctor", "--json", SIMSIM_EMAIL_URL=f"smtp://127.0.0.1:{port}")
    findings = {item["subject"]: item for item in json.loads(examined.stdout)["items"]}
    assert examined.returncode == 1
    assert json.loads(examined.stderr)["detail"] == "Something is wrong with: mail"
    assert {subject for subject, item in findings.items() if not item["ok"]} == {"mail"}
    assert "check SIMSIM_EMAIL_URL" in findings["mail"]["detail"]
    assert {"keys", "clock", "gate", "gateway"} < set(findings)
    lines = installation.run("doctor").stdout.splitlines()
    assert [line[:5] for line in lines].count("WRONG") == 1
