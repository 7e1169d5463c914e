"""The pages for operators name what the software has, and their examples can be pasted."""

import os
import re
from pathlib import Path

import pytest

from simsim.config import environment
from simsim.gate.answer import ACCOUNT_HEADER, TOKEN_HEADER, TOKEN_NAME_HEADER
from simsim.gate.app import HEALTHZ, READYZ
from simsim.gateway.addresses import HEALTH_PATH

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/operators/install.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.covers("B7")


def test_user_comes_before_the_folders_that_it_owns() -> None:
    from_the_wheel = PAGE.partition("### From the wheel\n")[2]
    lines = "".join(re.findall(r"```sh\n(.*?)```", from_the_wheel, re.DOTALL)).splitlines()
    (user,) = (number for number, line in enumerate(lines) if line.startswith("useradd "))
    owned = [number for number, line in enumerate(lines) if "-o simsim" in line]
    made = lines.index("simsim setup")
    assert owned
    assert user < min(owned) < made


def test_settings_of_the_example_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))
    (example,) = (block for block in SHELL if block.startswith("SIMSIM_BASE_URL="))
    (tmp_path / "simsim.env").write_text(example, encoding="utf-8")
    read = environment.read()
    assert read.mail_server().is_starttls
    assert read.base_url == "https://console.example.com"
    assert read.api_url


@pytest.mark.parametrize(
    "told",
    [
        *(f"`{path}`" for path in (HEALTHZ, READYZ, HEALTH_PATH)),
        *(f"`{header}`" for header in (ACCOUNT_HEADER, TOKEN_HEADER, TOKEN_NAME_HEADER)),
        *("`X-Request-Id`", "`X-Forwarded-For`", "`X-Forwarded-Proto`", "`X-Forwarded-Host`"),
        *("a worker on each node", "(tls.md)", "(proxies.md)", "(backup.md)"),
    ],
)
def test_operator_is_told_what_to_monitor_and_what_the_api_receives(told: str) -> None:
    assert told in " ".join(PAGE.split())


@pytest.mark.parametrize("command", ["make demo", "make test", "simsim serve", "simsim gateway"])
def test_readme_names_the_commands_to_begin_with(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("operators/install.md", "## End open connections"),
        ("integrators/connect.md", "## WebSockets and long requests"),
    ],
)
def test_what_a_revoked_token_leaves_open_is_told(page: str, heading: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert "revoked" in section
    assert "WebSocket" in section


def test_restore_removes_what_sqlite_keeps_beside_the_old_database() -> None:
    lines = (ROOT / "docs/operators/backup.md").read_text(encoding="utf-8").splitlines()
    removed = next(number for number, line in enumerate(lines) if line.startswith("rm -f "))
    for name in ("simsim.sqlite3", "request_log.sqlite3"):
        assert {f"{name}-wal", f"{name}-shm"} <= set(lines[removed].split())
        restored = next(number for number, line in enumerate(lines) if line.endswith(f"/backup/{name} {name}"))
        assert removed < restored
