"""The start pages as their reader follows them: each command typed, each question of `simsim setup` answered."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from postgresql_server import free_port

PAGES = Path(__file__).parents[1] / "docs/start"
# Reading, and typing: 40 words of five characters, although most readers paste.
WORDS_A_MINUTE, CHARACTERS_A_MINUTE = 200, 40 * 5
CONSOLE_PASSWORD = "correct horse battery staple"
LASTING = ("python3 -m http.server", "simsim serve", "simsim gateway")


def text_of(page: str) -> str:
    return (PAGES / page).read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """Return the commands of the page, in its order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def answers(page: str) -> dict[str, str]:
    """Return the questions of `simsim setup` that the page lists, with their answers; "" for Enter."""
    rows = re.findall(r"^\| (.+?) \| (?:`(.+)`|Enter) \|$", text_of(page), re.MULTILINE)
    return dict(rows)


def minutes(*pages: str) -> float:
    """Return how long it takes to read the pages and to type what they say, without waiting for the commands."""
    words = sum(len(text_of(page).split()) for page in pages)
    typed = sum(len(line) for page in pages for line in [*commands(page), *answers(page).values()])
    return words / WORDS_A_MINUTE + typed / CHARACTERS_A_MINUTE


class Reader:
    """Somebody who does what the pages say: `values` are what they put in place of words in capitals and of ports."""

    def __init__(self, folder: Path, environment: Mapping[str, str], shell: Sequence[str] = ("sh", "-c")) -> None:
        self.folder = folder
        self.values = {port: str(free_port()) for port in ("8000", "8080", "9000")}
        self.values["CONSOLE_PASSWORD"] = CONSOLE_PASSWORD
        self.environment = dict(environment)
        self.shell = shell
        self.processes: list[subprocess.Popen[bytes]] = []

    def follow(self, command: str, *, seconds: float = 240) -> str:
        """Type a command as the page has it, with the reader's values; return what it prints, "" for a lasting one."""
        for word, value in self.values.items():
            command = command.replace(word, value)
        if command.startswith("export "):
            printed = self.run(f"{command}; env -0", seconds)
            self.environment |= dict(line.split("=", 1) for line in printed.split("\0") if line)
            return ""
        if command.startswith("simsim setup"):
            return self.answer(command)
        if command.startswith(LASTING):
            port = f" --port {self.values['8000']}" if command == "simsim serve" else ""
            port += f" --listen {self.values['8080']}" if command.startswith("simsim gateway") else ""
            with (self.folder / "lasting.log").open("ab") as log:
                started = subprocess.Popen(
                    [*self.shell, f"exec {command}{port}"],
                    cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            self.processes.append(started)
            return ""
        return self.run(command, seconds)

    def run(self, command: str, seconds: float) -> str:
        done = subprocess.run([*self.shell, command], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, check=False, timeout=seconds)  # fmt: skip
        assert done.returncode == 0 or command.startswith("curl"), f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def answer(self, command: str) -> str:
        """Run a command in a terminal, answer each question as the first page's table does, and return the dialogue."""
        terminal, end = pty.openpty()
        said = ""
        with subprocess.Popen([*self.shell, f"exec {command}"], cwd=self.folder, env=self.environment, stdin=end,
                              stdout=end, stderr=end, start_new_session=True) as process:  # fmt: skip
            os.close(end)
            for question, answer in answers("index.md").items():
                if question.startswith("Database") and "--database-url" in command:
                    continue
                said += read_until(terminal, partial(is_asking, question))
                os.write(terminal, f"{self.values.get(answer, answer)}\n".encode())
            said += read_until(terminal, lambda _: process.poll() is not None)
        os.close(terminal)
        assert process.returncode == 0, said
        return said.replace("\r\n", "\n")

    def until(self, command: str, wanted: str) -> str:
        """Type a command again until it prints the text: a reader waits until everything has started."""
        deadline = time.monotonic() + 60
        while wanted not in (printed := self.follow(command)):
            assert time.monotonic() < deadline, printed + (self.folder / "lasting.log").read_text()
            time.sleep(0.2)
        return printed

    def leave(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


def is_asking(question: str, text: str) -> bool:
    return question in text and text.endswith(": ")


def read_until(terminal: int, is_complete: Callable[[str], bool], seconds: float = 240) -> str:
    """Return what the terminal shows once it is complete."""
    deadline, said = time.monotonic() + seconds, ""
    while not is_complete(said):
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                said += os.read(terminal, 65536).decode()
            except OSError:  # the other end is closed
                break
    return said


def value_of(name: str, output: str) -> str:
    """Return a value that a command printed beside its name."""
    found = re.search(rf"^{name} +(\S+)$", output, re.MULTILINE)
    assert found, output
    return found[1]


def follow_to_the_end(reader: Reader, steps: list[str]) -> None:
    """Type the commands of the first page after `simsim setup`, and check what each does."""
    listed = iter(steps)
    reader.follow(next(listed))
    for command in (next(listed), next(listed), next(listed)):
        assert command.startswith(LASTING)
        reader.follow(command)
    reader.until(next(listed), "HTTP/1.1 401 ")
    token = reader.follow(next(listed))
    reader.values |= {
        "TOKEN_ID": value_of("id", token), "USERNAME": value_of("username", token),
        "PASSWORD": value_of("password", token),
    }  # fmt: skip
    call = next(listed)
    reader.until(call, "HTTP/1.1 200 ")
    reader.until(next(listed), "First token")
    reader.follow(next(listed))
    reader.until(call, "HTTP/1.1 401 ")
    assert list(listed) == []


def account_id(dialogue: str) -> str:
    """Return the account's id from the command that `simsim setup` printed."""
    found = re.search(r"^simsim token create --account (\S+) ", dialogue, re.MULTILINE)
    assert found, dialogue
    return found[1]
