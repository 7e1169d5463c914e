"""Help needs no Django, wrong usage exits with 2, and a failure is one plain line."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from django.db import OperationalError

from simsim.credential import password
from simsim.operations.command_line import run
from simsim.operations.context import KeptSettings, Operator, Wiring
from simsim.problem import Conflict, FieldError, Invalid, NotFound, NotPermitted, ServiceUnavailable, Unusable

VERBS = [
    "serve", "gateway", "worker", "migrate", "doctor", "account create", "account list", "user create",
    "token create", "token list", "token show", "token credentials", "token edit", "token revoke", "token rotate",
    "log list", "software add", "software list",
]  # fmt: skip


def wiring(error: Exception) -> Wiring:
    """Return a wiring with which every verb that does anything raises the error."""

    def fail() -> None:
        raise error

    def operator() -> Operator:
        raise error

    def settings_file() -> KeptSettings:
        raise error

    return Wiring(
        operator=operator,
        start_django=fail,
        start_unproven=fail,
        console="c",
        gate="g",
        gate_listener="l",
        this_command=("simsim",),
        kept_settings=settings_file,
    )


@pytest.mark.covers("B7")
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_takes_json(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*verb.split(), "--help"], wiring=wiring(AssertionError("help started something"))) == 0
    assert "--json" in capsys.readouterr().out


def test_help_imports_no_django() -> None:
    code = "import sys, simsim.config.command_line; sys.exit('django' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("gateway", "--upstream", "http://127.0.0.1:9", "--print-config"), ("migrate", "--check")]
)
def test_garbage_is_collected_while_a_verb_runs(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A server that never collected garbage would grow without end. The import of modules makes no garbage."""
    code = "import gc; from simsim.config.command_line import main; main(); assert gc.isenabled()"
    environment = {"SIMSIM_DATA_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.covers("B9")
def test_server_of_the_gate_imports_only_what_it_needs(tmp_path: Path) -> None:
    code = "import sys, simsim.config.rsgi; sys.exit(bool({'django', 'requests', 'cryptography'} & {*sys.modules}))"
    environment = {"SIMSIM_DATA_DIR": str(tmp_path), "PATH": ""}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "account create",
        "account list --nonsense",
        "token show",
        "serve --port x",
        "log list --account 1 --limit 0",
    ],
)
def test_wrong_usage_exits_with_2_and_does_nothing(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments.split(), wiring=wiring(AssertionError("it started"))) == 2
    assert "Usage: simsim" in capsys.readouterr().err


FAILURES = [
    (Unusable("SIMSIM_X: %(reason)s", reason="no\ngood"), 1, "SIMSIM_X: no good"),
    (NotFound("No account has the id %(id)s.", id="7"), 3, "No account has the id 7."),
    (Conflict("There is one already."), 4, "There is one already."),
    (NotPermitted(), 5, "Only administrators of the account may do this."),
    (ServiceUnavailable("It does not answer."), 6, "It does not answer."),
    (OperationalError("no such table: x"), 1, "The database is not up to date: run simsim migrate"),
    (OperationalError("connection\nrefused"), 6, "The database is not available: connection refused"),
    (
        Invalid(FieldError("name", "Too long."), FieldError("expires_at", "In the past.")),
        2, "NAME: Too long. expires_at: In the past.",
    ),
    (RuntimeError("a\nb 5%"), 1, "RuntimeError: a b 5% (SIMSIM_DEBUG=1 shows the traceback)"),
]  # fmt: skip


@pytest.mark.covers("B7")
@pytest.mark.parametrize(("error", "status", "line"), FAILURES)
def test_failure_is_one_line_on_stderr_with_its_own_exit_status(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMSIM_DEBUG", raising=False)
    assert run(["account", "create", "X"], wiring=wiring(error)) == status
    assert capsys.readouterr() == ("", f"simsim: {line}\n")


@pytest.mark.covers("B7")
@pytest.mark.parametrize(("error", "status", "line"), FAILURES)
def test_failure_is_a_problem_document_for_scripts(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMSIM_DEBUG", raising=False)
    assert run(["account", "create", "X", "--json"], wiring=wiring(error)) == status
    out, err = capsys.readouterr()
    problem = json.loads(err)
    assert (out, problem["detail"]) == ("", line)
    assert {"type", "title", "status"} <= set(problem)


@pytest.mark.covers("B7")
@pytest.mark.parametrize("arguments", ["nonsense", "account create", "token show --nonsense", "serve --port x"])
def test_wrong_usage_is_a_problem_document_for_scripts(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments.split(), "--json"], wiring=wiring(AssertionError("it started"))) == 2
    out, err = capsys.readouterr()
    assert (out, json.loads(err)["type"]) == ("", "urn:simsim:problem:wrong-usage")


def test_message_names_the_option_and_the_value_that_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    faults = Invalid(FieldError("allowed_networks.1", "No network."), FieldError("expires_at", "In the past."))
    typed = ["token", "create", "--account", "1", "--as", "a", "--name", "n", "--expires=1d", "--allow=::1"]
    options = [*typed, "--allow", "x", "--json"]
    assert run(options, wiring=wiring(faults)) == 2
    problem = json.loads(capsys.readouterr().err)
    assert problem["detail"] == "--allow x: No network. --expires: In the past."
    assert [(error["field"], error["option"]) for error in problem["errors"]] == [
        ("allowed_networks.1", "--allow"), ("expires_at", "--expires"),
    ]  # fmt: skip


def test_version_is_printed_and_h_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = wiring(AssertionError("it started"))
    assert run(["--version"], wiring=nothing) == 0
    assert capsys.readouterr().out == f"simsim {version('simsim')}\n"
    for verb in ("", *VERBS):
        assert run([*verb.split(), "-h"], wiring=nothing) == 0
        assert "Usage: simsim" in capsys.readouterr().out


def test_no_failure_prints_a_password(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_DEBUG", "1")
    secret = password.mint()
    assert run(["account", "list"], wiring=wiring(RuntimeError(secret))) == 1
    printed = capsys.readouterr().err
    assert secret not in printed
    assert "Traceback" in printed


def test_data_directory_with_too_long_a_socket_path_is_refused_at_once(tmp_path: Path) -> None:
    from simsim.operations.serve import prove_socket_free

    with pytest.raises(Unusable, match=r"^SIMSIM_DATA_DIR: "):
        prove_socket_free(tmp_path / ("x" * 100) / "gate.sock")
