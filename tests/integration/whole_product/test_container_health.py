"""The health checks of the image and the compose file, run as an engine runs them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dockerfile import command_of, instructions
from postgresql_server import free_port
from stack import Stack

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B21")]
CONTAINER = Path(__file__).parents[3] / "release/container"


def check_of_the_image() -> list[str]:
    (found,) = [each.text for each in instructions(CONTAINER / "Dockerfile") if each.name == "HEALTHCHECK"]
    return command_of(found)


def check_of_the_gateway() -> list[str]:
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
    kind, *command = compose["services"]["gateway"]["healthcheck"]["test"]
    assert kind == "CMD"
    return [str(word) for word in command]


def status_of(command: list[str], *, written: int, port: int) -> int:
    """Run a check against our port instead of the one in the file, and return its exit status."""
    assert f":{written}/" in command[-1]
    _, *arguments = [word.replace(f":{written}/", f":{port}/") for word in command]
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False, timeout=20).returncode


def test_checks_pass_while_everything_runs_and_fail_where_nothing_listens(stack: Stack) -> None:
    assert status_of(check_of_the_image(), written=8000, port=stack.console_port) == 0
    assert status_of(check_of_the_gateway(), written=8080, port=stack.gateway_port) == 0
    assert status_of(check_of_the_image(), written=8000, port=free_port()) != 0
