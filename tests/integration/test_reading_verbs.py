"""Verbs that read do not write. The list of verbs comes from the application itself."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import preloaded
from simsim.operations.command_line import app, run
from simsim.operations.context import KeptSettings, Operator, Wiring

SIMSIM = Path(sys.executable).with_name("simsim")
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]
# Verbs that are there to change something, or to run. A new verb is taken to read until it stands here.
CHANGE = {
    "setup", "serve", "gateway", "worker", "migrate", "account create", "user create", "token create", "token edit",
    "token revoke", "token rotate", "token end-overlap", "token credentials", "mail retry", "software add",
    "software retire", "account ensure", "account rename", "account close", "user invite", "user role", "user remove",
    "user reset-password", "user reset-second-factor", "user waive-single-sign-on",
    "user forget-provider", "user portal-link",
    "account require-single-sign-on", "account require-second-factor", "token import", "apply", "backup", "restore",
    "keys add", "keys wrap", "keys unwrap",
    "keys rotate", "operator add", "operator remove", "token pause", "token resume", "token hand-over",
    "management-token create", "management-token revoke", "audit adopt", "webhook add", "webhook edit",
    "log export", "token export", "audit export", "incident report",  # each export is an event of the audit trail
    "token take-back", "token-request ask", "token-request approve", "token-request decline", "notices set",
    "account self-rotation", "user invite-again",
    "webhook remove", "webhook rotate", "webhook pause", "webhook resume", "webhook test", "webhook resend",
    "leak report", "policy set", "incident freeze", "incident lift", "incident stop", "incident resume",
    "incident networks",
    "access-review start", "access-review decide", "access-review keep", "access-review sign-off",
    "access-review export", "access-review set-schedule", "person export", "person erase",
}  # fmt: skip
# Verbs that report on whatever they find, and those that print what the package carries.
EXAMINE = {"doctor", "status", "scan"}
PRINT = {"monitoring rules", "monitoring dashboard", "completion"}
# Reading besides: the same verbs, told to change nothing.
READ_WITH = {
    "migrate": ["--check"],
    "upgrade": ["--check"],
    "gateway": ["--print-config"],
    "log list": ["--all-accounts"],
    "log follow": ["--seconds", "0"],
}
# The data directory has no such thing: not found.
FIND_NOTHING = {"log show", "token-request show"}


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield each verb with its command. Groups are recognized by their commands: typer brings its own click."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, each in command.commands.items():
            if hasattr(each, "commands"):
                yield from walk(each, (*words, name))
            else:
                yield " ".join((*words, name)), each

    found = dict(walk(typer.main.get_command(app), ()))
    assert {"doctor", "account list"} | CHANGE <= set(found)
    yield from found.items()


def reading() -> list[tuple[str, Any, list[str]]]:
    return [
        (verb, command, READ_WITH.get(verb, []))
        for verb, command in verbs()
        if verb not in CHANGE or verb in READ_WITH
    ]  # fmt: skip


def tree(directory: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """Return every name under a directory with its mode, modification time and bytes.

    Only the mode of a WAL index: readers of SQLite note in it what they read, and it is rebuilt from the WAL.
    """
    found = {}
    for path in sorted(directory.rglob("*")):
        facts, is_compared = path.lstat(), path.is_file() and not path.name.endswith("-shm")
        changed_at = facts.st_mtime_ns if is_compared else 0
        found[str(path)] = (facts.st_mode, changed_at, path.read_bytes() if is_compared else None)
    return found


def environment(data: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIMSIM_", "DJANGO_"))}
    return inherited | {"SIMSIM_DATA_DIR": str(data), "SIMSIM_EMAIL_URL": "smtp://127.0.0.1:9"}


def simsim(data: Path, *arguments: str, ends_whole: bool = False) -> "subprocess.CompletedProcess[str]":
    return preloaded.run(arguments, env=environment(data), cwd=data.parent, ends_whole=ends_whole)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a data directory with one item of each kind, and the arguments that name the items."""
    data = tmp_path_factory.mktemp("full") / "data"

    def made(*arguments: str) -> str:
        done = simsim(data, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout).get("id"))

    made("migrate")
    account = made("account", "create", "Acme")
    made("user", "create", "alice@acme.example", "--account", account, "--role", "administrator")
    alice = ("--as", "alice@acme.example")
    token = made("token", "create", "--account", account, *alice, "--name", "Power BI", "--expires", "90d")
    webhook = made("webhook", "add", "--account", account, *alice, "--name", "Hook", "--url", "https://hooks.example/",
                   "--event", "token.created")  # fmt: skip
    review = made("access-review", "start", "--account", account, *alice)
    made("access-review", "keep", review, *alice)
    made("access-review", "sign-off", review, *alice, "--name", "Alice Liddell")
    file = data.parent / "review.json"
    file.write_text(simsim(data, "access-review", "export", review).stdout, encoding="utf-8")
    return data, {
        "review_id": review,
        "email": "alice@acme.example",
        "file": str(file),
        "webhook_id": webhook,
        "account": account,
        "account_id": account,
        "allow": "203.0.113.0/24",
        "limit": "GET /api/**",
        "request_id": "1",
        "token_id": token,
        "upstream": "http://127.0.0.1:9",
        "acting_as": alice[1],
        "path": str(data),
        "shell": "bash",
    }


def arguments_of(verb: str, command: Any, values: dict[str, str]) -> list[str]:
    """Return the arguments that the verb requires, by the names of its parameters."""
    arguments = []
    for parameter in command.params:
        if parameter.required:
            assert parameter.name in values, f"{verb}: say in `full` what {parameter.name} is, or add it to CHANGE"
            arguments += [*parameter.opts[:1]] if parameter.param_type_name == "option" else []
            arguments.append(values[parameter.name])
    return arguments


@pytest.mark.covers("B7")
def test_reading_verbs_change_no_byte_of_a_full_data_directory(full: tuple[Path, dict[str, str]]) -> None:
    data, values = full
    before = tree(data.parent)
    for verb, command, options in reading():
        done = simsim(data, *verb.split(), *arguments_of(verb, command, values), *options, ends_whole=True)
        expected = {"doctor": (0, 1), **dict.fromkeys(FIND_NOTHING, (3,))}.get(verb, (0,))
        assert done.returncode in expected, f"{verb}: {done.stderr}"
        assert tree(data.parent) == before, verb


@pytest.mark.covers("B7")
def test_reading_verbs_create_nothing_in_an_empty_data_directory(
    tmp_path: Path, full: tuple[Path, dict[str, str]]
) -> None:
    (tmp_path / "empty").mkdir()
    for verb, command, options in reading():
        for data in (tmp_path / "empty", tmp_path / "absent"):
            done = simsim(data, *verb.split(), *arguments_of(verb, command, full[1]), *options)
            if verb in EXAMINE | PRINT:
                assert done.returncode in (0, 1, 6), f"{verb}: {done.stderr}"
                continue
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), f"{verb}: {done.stderr}"
            assert "simsim migrate" in done.stderr, f"{verb}: {done.stderr}"
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.covers("B7")
def test_help_needs_no_installation_and_creates_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unused() -> None:
        raise AssertionError("help started something")

    def operator() -> Operator:
        raise AssertionError("help read the settings")

    def settings_file() -> KeptSettings:
        raise AssertionError("help read the settings")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path / "data"))
    wiring = Wiring(
        operator=operator,
        start_django=unused,
        start_unproven=unused,
        console="",
        gate="",
        gate_listener="",
        this_command=(),
        kept_settings=settings_file,
    )
    for verb, _ in verbs():
        assert run([*verb.split(), "--help"], wiring=wiring) == 0
        assert verb.split()[-1] in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.covers("R11")
def test_database_that_was_moved_away_is_reported_and_never_replaced(
    tmp_path: Path, full: tuple[Path, dict[str, str]]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(full[0], data)
    (data / "simsim.sqlite3").rename(tmp_path / "away.sqlite3")
    before = tree(tmp_path)
    for verb in (["migrate"], ["migrate", "--check"], ["account", "list"], ["worker"], ["serve"]):
        done = simsim(data, *verb)
        assert done.returncode == 1
        assert done.stderr.startswith(f"simsim: The database {data}/simsim.sqlite3 is missing, but {data}/keys/"), verb
    assert f"The database {data}/simsim.sqlite3 is missing" in simsim(data, "doctor").stdout
    after = tree(tmp_path)
    assert {name: value for name, value in after.items() if not name.endswith("migrate.lock")} == {
        name: value for name, value in before.items() if not name.endswith("migrate.lock")
    }
    # The empty file that an earlier version's doctor left behind is no database either.
    (data / "simsim.sqlite3").touch()
    assert simsim(data, "migrate").returncode == 1
    (tmp_path / "away.sqlite3").rename(data / "simsim.sqlite3")
    (data / "request_log.sqlite3").rename(tmp_path / "log.sqlite3")
    lost = simsim(data, "migrate")
    assert lost.stderr.startswith(f"simsim: The request log {data}/request_log.sqlite3 is missing: restore it.")
    (data / "request_log.sqlite3").touch()
    assert simsim(data, "migrate").returncode == 0


@pytest.mark.covers("R11")
def test_interrupted_first_migration_continues_with_the_same_keys(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    (data / ".first-migration").touch()
    key = "dGhpcy1pcy1hLWtleS1vZi10aGUtdGVzdHMtYWxvbmU"
    (data / "keys" / "token_keys").write_text(key)
    (data / "simsim.sqlite3").touch()
    assert simsim(data, "migrate").returncode == 0
    assert (data / "keys" / "token_keys").read_text() == key
    assert not (data / ".first-migration").exists()


@pytest.mark.covers("R11")
def test_missing_and_foreign_keys_are_refused_and_explained(
    tmp_path: Path, full: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(full[0], data)
    kept = data / "keys" / "token_keys"
    said = {item["subject"]: item for item in json.loads(simsim(data, "doctor", "--json").stdout)["items"]}
    assert said["keys"] == {
        "subject": "keys",
        "ok": True,
        "state": "ok",
        "detail": f"1 from {kept}, and every password has its key",
    }
    kept.rename(tmp_path / "kept")
    for verb in (["serve"], ["account", "list"], ["migrate", "--check"], ["migrate"]):
        done = simsim(data, *verb)
        assert done.stderr == (
            f"simsim: SIMSIM_TOKEN_KEYS is not set, and there is no file {kept} (simsim doctor explains)\n"
        )
    explained = simsim(data, "doctor").stdout
    assert f"{kept}. It decrypts the tokens' passwords: restore it from its backup" in explained
    assert "doctor explains" not in explained
    kept.write_text("dGhpcy1pcy1hLWtleS1vZi10aGUtdGVzdHMtYWxvbmU")  # well-formed, and another installation's
    for verb in (["serve"], ["migrate", "--check"]):
        assert "SIMSIM_TOKEN_KEYS decrypts none of the passwords" in simsim(data, *verb).stderr
    assert "SIMSIM_TOKEN_KEYS lacks " in simsim(data, "doctor").stdout
