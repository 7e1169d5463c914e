"""The page of the first ten minutes, followed word for word: its commands run, and do what it says."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql_server import free_port

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B22"), pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/start/index.md"
WORDS_A_MINUTE, MAX_MINUTES = 200, 10
SECONDS_A_COMMAND = 20
# Installed by the tests already, from the same lock.
INSTALL = ("git clone", "python3 -m venv", ".venv/bin/pip install", "export PATH=")
LASTING = ("python3 -m http.server", "simsim serve", "simsim gateway")


def commands() -> list[str]:
    """Return the commands of the page, in its order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Reader:
    """Somebody who does what the page says: `values` are what they put in place of the words in capitals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values = {"8000": str(free_port()), "8080": str(free_port()), "9000": str(free_port()),
                       "CONSOLE_PASSWORD": "correct horse battery staple"}  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []
        own = {name: value for name, value in os.environ.items() if not name.startswith("SIMSIM_")}
        self.environment = own | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "SIMSIM_DATA_DIR": str(folder / "data"),
        }  # fmt: skip

    def follow(self, command: str) -> str:
        """Type a command as the page has it, with the reader's values; return what it prints, "" for a lasting one."""
        for word, value in self.values.items():
            command = command.replace(word, value)
        if command.startswith(LASTING):
            port = f" --port {self.values['8000']}" if command == "simsim serve" else ""
            port += f" --listen {self.values['8080']}" if command.startswith("simsim gateway") else ""
            log = (self.folder / "lasting.log").open("ab")
            self.processes.append(
                subprocess.Popen(
                    f"exec {command}{port}", shell=True, cwd=ROOT, env=self.environment, stdout=log, stderr=log
                )
            )
            return ""
        done = subprocess.run(command, shell=True, cwd=ROOT, env=self.environment, capture_output=True, text=True,
                              check=True, timeout=60)  # fmt: skip
        return done.stdout

    def until(self, command: str, status: str) -> str:
        """Type a command again until the answer has the status: a reader waits until everything has started."""
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = self.follow(command)
            except subprocess.CalledProcessError as error:
                answer = str(error)
            if f" {status} " in answer.partition("\r\n")[0]:
                return answer
            assert time.monotonic() < deadline, answer + (self.folder / "lasting.log").read_text()
            time.sleep(0.2)

    def leave(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.leave()


def value_of(name: str, output: str) -> str:
    """Return a value that a command printed beside its name."""
    found = re.search(rf"^{name} +(\S+)$", output, re.MULTILINE)
    assert found, output
    return found[1]


def test_page_takes_ten_minutes() -> None:
    words = len(PAGE.read_text(encoding="utf-8").split())
    minutes = words / WORDS_A_MINUTE + len(commands()) * SECONDS_A_COMMAND / 60
    assert minutes <= MAX_MINUTES, f"{words} words and {len(commands())} commands take {minutes:.1f} minutes"


def test_every_command_of_the_page_does_what_it_says(reader: Reader) -> None:
    listed = commands()
    assert [command for command in listed if command.startswith(INSTALL)] == listed[:5]
    steps = iter(listed[5:])
    assert "Migrated" in reader.follow(next(steps))
    for command in (next(steps), next(steps), next(steps)):
        assert command.startswith(LASTING)
        reader.follow(command)
    reader.until(next(steps), "401")
    reader.values["ACCOUNT_ID"] = value_of("id", reader.follow(next(steps)))
    assert "administrator" in reader.follow(next(steps))
    token = reader.follow(next(steps))
    reader.values |= {
        "TOKEN_ID": value_of("id", token), "USERNAME": value_of("username", token),
        "PASSWORD": value_of("password", token),
    }  # fmt: skip
    call = next(steps)
    reader.until(call, "200")
    the_log = next(steps)
    assert "First token" in until_listed(reader, the_log)
    reader.follow(next(steps))
    reader.until(call, "401")
    assert list(steps) == []


def until_listed(reader: Reader, command: str) -> str:
    deadline = time.monotonic() + 30
    while "First token" not in (printed := reader.follow(command)):
        assert time.monotonic() < deadline, printed
        time.sleep(0.2)
    return printed
