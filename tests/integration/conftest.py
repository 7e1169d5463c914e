"""What the integration tests share."""

import json
from typing import Any

import pytest

from simsim.operations.command_line import run
from verbs import WIRING, Simsim


@pytest.fixture
def simsim(capsys: pytest.CaptureFixture[str]) -> Simsim:
    """Runs a verb with --json and returns what it printed; with `fails`, the detail of the problem on stderr."""

    def call(*arguments: str, fails: int = 0) -> Any:
        status = run([*arguments, "--json"], wiring=WIRING)
        out, err = capsys.readouterr()
        assert status == fails, err
        if not fails:
            assert err == ""
            return json.loads(out)
        assert out == ""
        assert err.count("\n") == 1
        return json.loads(err)["detail"]

    return call
