"""The Tab key, in real shells on a real terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from documented_examples import example

pytestmark = pytest.mark.any_database
BIN = Path(sys.executable).parent
# How each shell is started without the files of whoever runs the tests, and how it takes a script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; "),
    "fish": (["fish", "--no-config", "-i"], ""),
}
DOCUMENTED = example("docs/operators/command-line.md", "completion bash").text.splitlines()


class Terminal:
    """A shell on a terminal. `wait` returns as soon as the screen shows a text."""

    def __init__(self, command: list[str], home: Path) -> None:
        settings = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        # setsid makes the terminal the shell's own, without which fish ends.
        self.main, other = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=other, stdout=other, stderr=other, env=settings, cwd=home
        )
        os.close(other)
        self.screen = ""

    def type(self, text: str) -> None:
        self.screen = ""
        os.write(self.main, text.encode())

    def wait(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if select.select([self.main], [], [], 0.2)[0]:
                self.screen += os.read(self.main, 4096).decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_tab_key_completes_verbs_and_options(shell: str, tmp_path: Path) -> None:
    command, prepare = SHELLS[shell]
    (line,) = [line.partition("  #")[0] for line in DOCUMENTED if f"completion {shell}" in line]
    terminal = Terminal(command, tmp_path)
    try:
        # The answer differs from what is typed, which the terminal shows, too.
        terminal.type(f"{prepare}{line}; echo rea''dy\n")
        terminal.wait("ready")
        terminal.type("simsim token rot\t")
        terminal.wait("ate")
        terminal.type("--over\t")
        terminal.wait("lap")
    finally:
        terminal.close()
