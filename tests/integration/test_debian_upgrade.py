"""The Debian package's postinst, run on a scratch root with a systemctl that writes down what it is asked."""

import os
import subprocess
from pathlib import Path

import pytest

import units

pytestmark = pytest.mark.any_database
POSTINST = units.UNITS.parent / "debian" / "postinst"
FOLDERS = ("/var/lib/simsim", "/etc/simsim", "/run/systemd/system")
STUB = '#!/bin/sh\necho "{name} $*" >> {calls}\n{then}\n'
# What the programs answer: the gateway does not run, the user exists.
ANSWERS = {
    "systemctl": '[ "$1" != is-active ] || [ "$3" != simsim-gateway ]',
    "simsim": "exit ${SIMSIM_STATUS:-0}",
    "getent": "exit 0",
    "chown": "exit 0",
}


def configure(root: Path, *arguments: str, status: int = 0) -> tuple[int, list[str]]:
    """Run postinst on the scratch root; return its exit status and the calls of systemctl and simsim."""
    calls, programs, script = root / "calls", root / "bin", root / "postinst"
    calls.unlink(missing_ok=True)
    programs.mkdir(exist_ok=True)
    for name, then in ANSWERS.items():
        (programs / name).write_text(STUB.format(name=name, calls=calls, then=then))
        (programs / name).chmod(0o755)
    text = POSTINST.read_text()
    for folder in FOLDERS:
        (root / folder[1:]).mkdir(parents=True, exist_ok=True)
        text = text.replace(folder, f"{root}{folder}")
    (root / "etc/simsim/simsim.env").touch()
    script.write_text(text)
    environment = {"PATH": f"{programs}:{os.defpath}", "SIMSIM_STATUS": str(status)}
    done = subprocess.run(["sh", script, *arguments], env=environment, check=False, capture_output=True, timeout=20)
    said = calls.read_text().splitlines()
    return done.returncode, [line for line in said if line.startswith(("systemctl", "simsim"))]


def test_upgrade_migrates_beside_the_running_services_and_then_reloads_them(tmp_path: Path) -> None:
    status, calls = configure(tmp_path, "configure", "0.1.0")
    assert status == 0
    assert calls == [
        "systemctl daemon-reload",
        "systemctl is-active --quiet simsim-serve",
        "systemctl is-active --quiet simsim-worker",
        "systemctl is-active --quiet simsim-gateway",
        "simsim migrate",
        "systemctl reload simsim-serve simsim-worker",
    ]
    assert (tmp_path / "var/lib/simsim/simsim.env").is_symlink()


def test_failed_migration_fails_the_upgrade_and_reloads_nothing(tmp_path: Path) -> None:
    status, calls = configure(tmp_path, "configure", "0.1.0", status=1)
    assert status == 1
    assert calls[-1] == "simsim migrate"
