"""Reads a Dockerfile: its instructions in order, continued lines in one."""

import json
import re
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    """One instruction; `stage` counts the FROM lines before it."""

    stage: int
    name: str
    text: str


def instructions(path: Path) -> list[Instruction]:
    lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found: list[Instruction] = []
    stage = 0
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, _, text = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(stage, name, text.strip()))
    return found


def command_of(text: str) -> list[str]:
    """Return the command of ENTRYPOINT, CMD or HEALTHCHECK in its JSON form."""
    listed = re.search(r"\[.*\]", text)
    assert listed, f"not in the JSON form, so a shell would run it: {text}"
    command: list[str] = json.loads(listed[0])
    return command
