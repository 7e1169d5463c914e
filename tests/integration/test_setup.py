"""`simsim setup` makes a whole installation, again and again the same one, whatever interrupted it."""

import functools
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

import interruptions
import preloaded
from own_installation import environment_of, own_database
from simsim.config.setting_sources import read_sources

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B7")]
PASSWORD = "correct horse battery staple"
FIRST = ("--account", "Acme", "--email", "alice@acme.example", "--password-stdin", "--email-url", "smtp://127.0.0.1:9")
# After each of these the process is killed: the settings, the first key, a database's schema, the first user.
STEPS = [
    ("simsim.config.kept_settings", "keep"),
    ("simsim.config.secret_files", "make_secret"),
    ("django.core.management", "call_command"),
    ("django.contrib.auth.hashers", "make_password"),
]


def set_up(
    data: Path, *options: str, fails: int = 0, stdin: str = PASSWORD, prepare: Callable[[], None] | None = None
) -> Any:
    """Return the report of `simsim setup` on this data directory, or the line with which it failed."""
    done = preloaded.run(
        ["setup", *options, *(() if fails else ("--json",))], env=environment_of(data, ""), stdin=stdin, prepare=prepare
    )
    assert done.returncode == fails, done.stderr
    if fails > 0:
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    return done.stderr.strip() if fails else json.loads(done.stdout)


def contents(data: Path) -> dict[str, bytes]:
    """Return the settings and the keys."""
    return {path.name: path.read_bytes() for path in (data / "simsim.env", *sorted((data / "keys").iterdir()))}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The data directory of a setup that was killed after each of its steps and started again, and its report."""
    data = tmp_path_factory.mktemp("setup") / "data"
    kept: dict[str, bytes] = {}
    for module, function in STEPS:
        set_up(
            data, *FIRST, fails=-signal.SIGKILL, prepare=functools.partial(interruptions.kill_after, module, function)
        )
        if (data / "keys").exists():
            assert kept.items() <= contents(data).items()
            kept = contents(data)
    return data, set_up(data, *FIRST)


def test_setup_that_was_killed_is_finished_by_the_next_one(installed: tuple[Path, Any]) -> None:
    data, report = installed
    assert {path.name: path.stat().st_mode & 0o777 for path in (data / "simsim.env", *(data / "keys").iterdir())} == {
        "simsim.env": 0o600, "token_keys": 0o600, "secret_key": 0o600,
    }  # fmt: skip
    assert report["done"][-2:] == ["Created the account “Acme”", "Created the administrator alice@acme.example"]
    with sqlite3.connect(data / "simsim.sqlite3") as connection:
        assert connection.execute("SELECT name FROM accounts_account").fetchall() == [("Acme",)]
        ((stored,),) = connection.execute("SELECT password FROM accounts_user").fetchall()
    assert Argon2PasswordHasher().verify(PASSWORD, stored)


def test_setup_says_what_is_wrong_and_what_comes_next(installed: tuple[Path, Any]) -> None:
    data, report = installed
    assert [finding["subject"] for finding in report["checks"] if not finding["ok"]] == ["mail"]
    assert report["next"][0].startswith(f"export SIMSIM_DATA_DIR={data}")
    assert report["next"][1:3] == ["simsim serve", "simsim gateway --upstream http://127.0.0.1:9000"]
    assert report["account"]["id"] in report["next"][4]


def test_setting_up_twice_changes_nothing_and_says_so(installed: tuple[Path, Any]) -> None:
    data, report = installed
    before = contents(data)
    again = set_up(data, *FIRST, stdin="another password that is ignored")
    assert again["done"] == []
    assert again["account"] == report["account"]
    told = preloaded.run(["setup"], env=environment_of(data, ""))
    assert told.stdout.startswith("Everything is set up already. Nothing was changed.\n")
    assert contents(data) == before


def test_setting_that_exists_is_kept(installed: tuple[Path, Any]) -> None:
    data, _ = installed
    before = contents(data)
    line = set_up(data, "--base-url", "https://console.example", fails=4)
    assert line.startswith(f"simsim: SIMSIM_BASE_URL has another value already (SIMSIM_BASE_URL in {data}/simsim.env)")
    assert contents(data) == before


@pytest.mark.parametrize(
    ("options", "stdin", "status", "says"),
    [
        ((), "", 2, "--account is missing"),
        (("--account", "Acme"), "", 2, "--email is missing"),
        (FIRST[:4], "", 2, "--password-stdin is missing"),
        (FIRST, "short", 2, "--password-stdin: This password is too short."),
        ((*FIRST[:2], "--email", "alice"), "", 2, "--email: This is not an email address."),
        ((*FIRST, "--base-url", "console.example"), PASSWORD, 2, "--base-url: SIMSIM_BASE_URL must be a URL"),
        ((*FIRST, "--database-url", "postgresql://127.0.0.1:9/none"), PASSWORD, 6, "The database is not available"),
    ],
)
def test_bad_answer_is_one_line_and_nothing_is_written(
    options: tuple[str, ...], stdin: str, status: int, says: str, tmp_path: Path
) -> None:
    assert set_up(tmp_path / "data", *options, fails=status, stdin=stdin).startswith(f"simsim: {says}")
    assert not list(tmp_path.iterdir())


def test_settings_file_keeps_its_lines_and_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Debian package's file is a link to /etc, with comments."""
    from simsim.config import kept_settings

    for name in ("SIMSIM_DATABASE_URL", "SIMSIM_BASE_URL", "SIMSIM_API_EXAMPLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    linked = tmp_path / "linked.env"
    linked.write_text("# ours\nSIMSIM_API_EXAMPLE=/v2")
    (tmp_path / "data/simsim.env").symlink_to(linked)
    assert kept_settings.is_set("SIMSIM_API_EXAMPLE")
    kept_settings.keep({"SIMSIM_EMAIL_FROM": 'A "quoted" \\ name <api@example.com>'})
    assert linked.read_text().startswith("# ours\nSIMSIM_API_EXAMPLE=/v2\nSIMSIM_EMAIL_FROM=")
    given = read_sources()
    assert given["email_from"].value == 'A "quoted" \\ name <api@example.com>'
    assert (tmp_path / "data/simsim.env").is_symlink()


def test_nodes_on_postgresql_share_the_keys_of_the_first(tmp_path: Path) -> None:
    url = own_database("setup", on_postgresql=True)
    first, second = tmp_path / "first", tmp_path / "second"
    migrated = preloaded.run(["migrate"], env=environment_of(first, "") | {"SIMSIM_DATABASE_URL": url})
    assert migrated.stderr.startswith("simsim: SIMSIM_TOKEN_KEYS is not set")
    report = set_up(first, *FIRST, "--database-url", url)
    assert "Created the account “Acme”" in report["done"]
    refused = set_up(second, *FIRST, "--database-url", url, fails=1)
    assert refused.startswith(f"simsim: SIMSIM_TOKEN_KEYS is not set, and there is no file {second}/keys/token_keys")
    shutil.copytree(first / "keys", second / "keys", dirs_exist_ok=True)
    again = set_up(second, *FIRST, "--database-url", url)
    assert again["account"] == report["account"]
    assert not [line for line in again["done"] if "Acme" in line or "Migrated" in line]
