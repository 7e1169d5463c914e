"""Every command and setting that the documentation names exists: commands are parsed by the real command line."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

from parsed_commands import GROUP, UsageError, parse
from simsim.config.environment import Environment

pytestmark = pytest.mark.covers("B22")
ROOT = Path(__file__).parents[3]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
# Read from the environment directly: the folder itself, tracebacks, and what
# commands on another machine, the tests and the examples of scripts use.
OTHER_NAMES = {
    "SIMSIM_DATA_DIR", "SIMSIM_DEBUG", "SIMSIM_PASSWORD", "SIMSIM_TEST_REQUESTS", "SIMSIM_TEST_SEED", "SIMSIM_SERVER",
    "SIMSIM_SERVER_CA",
    "SIMSIM_MANAGEMENT_TOKEN", "SIMSIM_USERNAME",
}  # fmt: skip
# Pages show this name as a mistake, or as the beginning of others.
MISTAKES = {"SIMSIM_BASEURL", "SIMSIM_"}
# The notation of the contract and of the tables of commands, where a whole command need not stand.
NOTATION = re.compile(r"^[A-Z_|-]+$|^\[.*\]$|^…$|^\.\.\.$|[|]")


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands in the page's shell blocks, continued lines in one."""
    for block in re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        yield from block.replace("\\\n", " ").splitlines()


def simsim_commands(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each `simsim` of a shell line, without what follows a pipe, a redirection or a comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    words = list(lexer)
    for index, word in enumerate(words):
        is_command = index == 0 or words[index - 1] in ("|", "&&", ";", "(", "$(") or words[index - 1].endswith("sudo")
        if is_command and (word == "simsim" or word.endswith("/simsim")):
            rest = words[index + 1 :]
            end = next((at for at, part in enumerate(rest) if re.fullmatch(r"[|&;()<>]+", part)), len(rest))
            yield rest[:end]


def named_options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_block_can_be_parsed(page: Path) -> None:
    for line in shell_lines(page):
        for arguments in simsim_commands(line):
            try:
                parse(arguments)
            except UsageError as error:
                pytest.fail(f"{line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_verb_and_option_named_in_a_sentence_exists(page: Path) -> None:
    # What the program can't do yet is listed at the end of the changelog.
    text = page.read_text(encoding="utf-8").partition("### Not yet")[0]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for code in re.findall(r"`simsim ([a-z][^`]*)`", prose):
        command: Any = GROUP
        for word in code.split():
            if isinstance(command, TyperGroup) and not word.startswith("-"):
                found = command.commands.get(word)
                assert found is not None, f"there is no verb {word}: simsim {code}"
                command = found
            elif word.startswith("--") and not NOTATION.search(word):
                assert word.partition("=")[0] in named_options(command), f"there is no option {word}: simsim {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(page: Path) -> None:
    settings = {f"SIMSIM_{name.upper()}" for name in Environment.model_fields} | OTHER_NAMES | MISTAKES
    named = set(re.findall(r"\bSIMSIM_[A-Z_]*", page.read_text(encoding="utf-8")))
    assert {name.removesuffix("_FILE") for name in named} <= settings


def test_the_checks_would_notice_a_mistake() -> None:
    for wrong in (["tokens", "list"], ["token", "list", "--acount", "1"], ["gateway"], ["log", "export"]):
        with pytest.raises(UsageError):
            parse(wrong)
    assert list(simsim_commands("A=1 && simsim token list --account 1 | head > x")) == [
        ["token", "list", "--account", "1"]
    ]
