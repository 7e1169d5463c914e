"""`make demo` from the outside: its output works, its data stays, and its processes end."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import preloaded
from postgresql_server import free_port
from processes import descendants, is_alive, wait_for
from time_alone import seconds_alone

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(240)]
SIMSIM = Path(sys.executable).parent / "simsim"
READY_SECONDS = 90
RESTART_SECONDS = 8


class Demo:
    """A demo in its own directory, started and stopped by the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.gateway_port = free_port(), free_port()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SIMSIM_", "DJANGO_"))}
        self.environment = inherited | {
            "DEMO_DIR": str(directory), "DEMO_PORT": str(self.port), "DEMO_GATEWAY_PORT": str(self.gateway_port),
        }  # fmt: skip
        self.printed: list[str] = []

    def start(self) -> float:
        """Start, wait until everything answers, and return how many seconds that took of its own."""
        self.printed.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simsim.demo"], env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return seconds_alone(self.process.pid, self.is_ready, most_seconds=READY_SECONDS)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "".join(self.printed)
        return self.answer_file.exists()

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.printed.extend(lines)

    @property
    def answer_file(self) -> Path:
        return self.directory / "demo.json"

    @property
    def answers(self) -> dict[str, Any]:
        return dict(json.loads(self.answer_file.read_text()))

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        status = self.process.wait(30)
        self.reader.join(30)
        return status

    def simsim(self, *arguments: str) -> Any:
        """Run the command line on the demo as a person would, with only SIMSIM_DATA_DIR set."""
        done = preloaded.run([*arguments, "--json"], env=self.environment | {"SIMSIM_DATA_DIR": str(self.directory)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def curl(self) -> int:
        """Run the printed curl line and return the status."""
        # The answer file exists a moment before the line can be read from the pipe.
        wait_for(lambda: any(line.strip().startswith("curl ") for line in self.printed), 10, self.printed)
        line = next(line.strip() for line in self.printed if line.strip().startswith("curl "))
        done = subprocess.run(
            [*shlex.split(line), "-s", "-o", os.devnull, "-w", "%{http_code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    def mails(self) -> list[dict[str, str]]:
        url = urlsplit(self.answers["mail_url"])
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=5)
        connection.request("GET", "/messages.json")
        found: list[dict[str, str]] = json.loads(connection.getresponse().read())
        connection.close()
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "state")
    demo.start()
    yield demo
    if demo.process.poll() is None:
        demo.stop()


@pytest.mark.covers("B9", "R15")
def test_printed_curl_line_works(demo: Demo) -> None:
    assert demo.curl() == 200


@pytest.mark.covers("B11")
def test_scripts_find_everything_in_a_file_that_only_its_owner_reads(demo: Demo) -> None:
    answers = demo.answers
    assert demo.answer_file.stat().st_mode & 0o777 == 0o600
    assert set(answers) == {
        "console_url", "gateway_url", "mail_url", "account_id", "administrator", "member", "token",
    }  # fmt: skip
    assert set(answers["administrator"]) == set(answers["member"]) == {"email", "password"}
    assert set(answers["token"]) == {"id", "username", "password"}
    assert (answers["administrator"]["email"], answers["member"]["email"]) == ("alice@example.com", "bob@example.com")
    assert answers["token"]["username"] == answers["account_id"]
    assert urlsplit(answers["console_url"]).port == demo.port
    text = "".join(demo.printed)
    for shown in (answers["console_url"], answers["mail_url"], answers["administrator"]["password"]):
        assert shown in text


@pytest.mark.covers("R20")
def test_recipes_of_the_demos_console_name_an_address_that_answers(demo: Demo) -> None:
    settings = dict(line.split("=", 1) for line in (demo.directory / "simsim.env").read_text().splitlines())
    url, example = (settings[f"SIMSIM_{name}"].strip('"') for name in ("API_URL", "API_EXAMPLE"))
    assert url == demo.answers["gateway_url"]
    token = demo.answers["token"]
    login = f"{token['username']}:{token['password']}"
    done = subprocess.run(["curl", "-sSf", "-u", login, url + example], capture_output=True, check=True, timeout=20)
    assert isinstance(json.loads(done.stdout), list)


@pytest.mark.covers("R14", "R17")
def test_log_and_lists_are_not_empty(demo: Demo) -> None:
    account = ("--account", demo.answers["account_id"])
    time.sleep(1)
    reasons = {row["reason"] for row in demo.simsim("log", "list", *account, "--limit", "100")["items"]}
    assert {"ok", "unknown_credentials", "expired", "revoked", "address_not_allowed"} <= reasons
    statuses = {row["status"] for row in demo.simsim("log", "list", *account, "--limit", "100")["items"]}
    assert {200, 401, 404, 500} <= statuses
    day = timedelta(days=1)
    today = datetime.now(UTC)
    for ago in range(5, 26, 5):
        since, until = (f"{today - day * days:%Y-%m-%d}" for days in (ago, ago - 5))
        assert demo.simsim("log", "list", *account, "--since", since, "--until", until)["items"], "a month to look at"
    listed = [token["status"] for token in demo.simsim("token", "list", *account)["items"]]
    assert (listed.count("active"), listed.count("expired"), listed.count("revoked")) == (4, 1, 1)


@pytest.mark.covers("R8")
def test_new_token_of_the_command_line_is_mailed_with_a_link_to_the_demos_console(demo: Demo) -> None:
    made = demo.simsim(
        "token", "create", "--account", demo.answers["account_id"], "--as", "alice@example.com",
        "--name", "From the shell", "--expires", "1d",
    )  # fmt: skip
    wait_for(lambda: any("From the shell" in mail["text"] for mail in demo.mails()), 15, demo.printed)
    mail = next(mail for mail in demo.mails() if "From the shell" in mail["text"])
    assert mail["to"] == "alice@example.com"
    assert demo.answers["console_url"] in mail["text"]
    assert made["password"] not in json.dumps(demo.mails())
    assert re.fullmatch(r"<.+@.+>", mail["message_id"])


def test_doctor_finds_nothing_wrong_with_the_demo(demo: Demo) -> None:
    assert all(item["ok"] for item in demo.simsim("doctor")["items"])


def test_obstacle_is_reported_in_one_line_that_names_the_variable(demo: Demo, tmp_path: Path) -> None:
    other = demo.environment | {"DEMO_DIR": str(tmp_path / "other")}
    for environment, words in (
        (demo.environment, "A demo is already running in DEMO_DIR="),
        (other, f"Port {demo.port} is in use: choose another with DEMO_PORT"),
        (other | {"DEMO_PORT": str(free_port())}, "choose another with DEMO_GATEWAY_PORT"),
        (other | {"DEMO_PORT": "x"}, "DEMO_PORT must be a port number"),
    ):
        refused = subprocess.run(
            [sys.executable, "-m", "simsim.demo"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (refused.returncode, refused.stdout) == (1, "")
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.covers("R13", "B11")
def test_stop_leaves_no_process_and_the_next_start_keeps_the_data(demo: Demo) -> None:
    before = demo.answers
    mails = len(demo.mails())
    demo.simsim("token", "create", "--account", before["account_id"], "--as", "alice@example.com", "--name", "Kept",
                "--expires", "1d")  # fmt: skip
    wait_for(lambda: len(demo.mails()) == mails + 1, 15, demo.printed)
    below = descendants(demo.process.pid)
    assert demo.stop(signal.SIGINT) == 0
    wait_for(lambda: not any(is_alive(pid) for pid in below), 5, demo.printed)
    assert not demo.answer_file.exists()
    assert demo.start() < RESTART_SECONDS
    assert demo.answers == before
    assert demo.curl() == 200
    assert len(demo.mails()) == mails + 1
    names = {token["name"] for token in demo.simsim("token", "list", "--account", before["account_id"])["items"]}
    assert "Kept" in names


@pytest.mark.covers("R13")
def test_curl_line_works_after_its_token_was_revoked_and_the_demo_killed(demo: Demo) -> None:
    before = demo.answers["token"]
    demo.simsim("token", "revoke", before["id"], "--as", "alice@example.com")
    assert demo.curl() == 401
    below = descendants(demo.process.pid)
    demo.stop(signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in below), 20, demo.printed)
    demo.answer_file.unlink()
    demo.start()
    assert demo.answers["token"]["id"] != before["id"]
    assert demo.curl() == 200
