"""Fixtures of the integration tests."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from log_pages import signed_in
from request_lines import Clock
from simsim.operations.command_line import run
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token
from verbs import WIRING, Simsim


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def token(cast: Cast, now: datetime) -> Token:
    return create_token(actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", now=now)[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
