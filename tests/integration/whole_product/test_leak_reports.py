"""The guide to signed reports against a running server: the gateway refuses the password from the next request on."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stack import Stack

GUIDE = Path(__file__).parents[3] / "docs/security/leak-reports.md"


@pytest.mark.covers("B4", "B1")
def test_scanner_of_the_guide_stops_a_password_from_the_next_request_on(stack: Stack, tmp_path: Path) -> None:
    token = stack.create_token("Leaks")
    auth = (token["username"], token["password"])
    make_key, report = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    values = {"FOUND": token["password"], "CONSOLE": f"http://localhost:{stack.console_port}"}

    def run(script: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin:/bin"} | values
        return subprocess.run(
            ["bash", "-ec", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    assert run(make_key).returncode == 0
    refused = run(report)
    assert "bad-signature" in refused.stdout, "the key is in no list yet"
    assert stack.get("/api/v2/entities", auth=auth).status == 200
    shutil.copy(tmp_path / "scanner-keys.json", stack.environment["SIMSIM_LEAK_REPORT_KEYS"])
    done = run(report)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    assert stack.get("/api/v2/entities", auth=auth).status == 401
    assert run(report).returncode == 0, "a repeat"
