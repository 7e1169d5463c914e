"""Help comes at once, wrong usage is 2, and a failure is one plain line."""

import subprocess
import sys
from pathlib import Path

import pytest

from simsim.credential import password
from simsim.operations.command_line import run
from simsim.operations.wiring import Operator, Wiring
from simsim.problem import FieldError, Invalid, NotFound, Unusable

VERBS = [
    "serve", "gateway", "worker", "migrate", "doctor", "account create", "account list", "user create",
    "token create", "token list", "token show", "token credentials", "token edit", "token revoke", "token rotate",
    "log list", "software add", "software list",
]  # fmt: skip


def wiring(error: Exception) -> Wiring:
    """Wiring under which every verb that does anything fails with that error."""

    def fail() -> None:
        raise error

    def operator() -> Operator:
        raise error

    return Wiring(
        operator=operator, start_django=fail, console="c", gate="g", gate_listener="l", this_command=("simsim",)
    )


@pytest.mark.covers("B7")
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_takes_json(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*verb.split(), "--help"], wiring=wiring(AssertionError("help started something"))) == 0
    assert "--json" in capsys.readouterr().out


def test_help_imports_no_django() -> None:
    code = "import sys, simsim.config.command_line; sys.exit('django' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.covers("B9")
def test_server_of_the_gate_imports_no_django(tmp_path: Path) -> None:
    code = "import sys, simsim.config.rsgi; sys.exit('django' in sys.modules)"
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
def test_wrong_usage_is_2_and_does_nothing(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments.split(), wiring=wiring(AssertionError("it started"))) == 2
    assert "Usage: simsim" in capsys.readouterr().err


@pytest.mark.covers("B7")
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Unusable("SIMSIM_X: %(reason)s", reason="no\ngood"), "simsim: SIMSIM_X: no good\n"),
        (NotFound("No account has the id %(id)s.", id="7"), "simsim: No account has the id 7.\n"),
        (
            Invalid(FieldError("name", "Too long."), FieldError("expires_at", "In the past.")),
            "simsim: name: Too long. expires_at: In the past.\n",
        ),
        (RuntimeError("a\nb"), "simsim: RuntimeError: a b (SIMSIM_DEBUG=1 shows the traceback)\n"),
    ],
)
def test_failure_is_1_with_one_line_on_stderr(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMSIM_DEBUG", raising=False)
    assert run(["account", "list"], wiring=wiring(error)) == 1
    assert capsys.readouterr() == ("", line)


def test_no_failure_prints_a_password(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_DEBUG", "1")
    secret = password.mint()
    assert run(["account", "list"], wiring=wiring(RuntimeError(secret))) == 1
    printed = capsys.readouterr().err
    assert secret not in printed
    assert "Traceback" in printed


def test_data_directory_whose_socket_path_would_be_too_long_is_told_at_once(tmp_path: Path) -> None:
    from simsim.operations.serving import prove_socket_free

    with pytest.raises(Unusable, match=r"^SIMSIM_DATA_DIR: "):
        prove_socket_free(tmp_path / ("x" * 100) / "gate.sock")
