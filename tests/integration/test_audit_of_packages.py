"""`make audit` names a known vulnerability, and never calls packages safe that it could not check."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripted_server import DROP, answer, scripted

pytestmark = pytest.mark.any_database
ROOT = Path(__file__).parents[2]
NONE = answer(200, {}, Content_Type="application/json")


def audited(*answers: Any) -> subprocess.CompletedProcess[str]:
    with scripted(*answers) as database:
        command = (sys.executable, "release/audit.py", "--osv-url", f"{database.url}/v1/query", "--timeout", "5")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_package_of_every_lock_is_checked() -> None:
    said = audited(NONE)
    locked = {
        name
        for lock in (ROOT / "requirements").glob("*.txt")
        for name in re.findall(r"^([a-z0-9][\w.-]*)(?:\[[^]]*\])?==", lock.read_text(), re.MULTILINE)
    }
    assert (said.returncode, said.stdout) == (0, f"{len(locked)} packages checked, 0 known vulnerabilities.\n")


def test_a_known_vulnerability_is_named_with_its_fix() -> None:
    known = {
        "id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "summary": "A hole.",
        "affected": [{
            "package": {"name": "aiosmtpd", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }],
    }  # fmt: skip
    said = audited(answer(200, {"vulns": [known]}, Content_Type="application/json"), NONE)
    assert said.returncode == 1
    assert re.search(r"^\S+ \S+: .*PYSEC-2026-1.*, fixed in ", said.stdout)
    assert said.stdout.endswith("1 known vulnerabilities.\n")


@pytest.mark.parametrize("failure", [answer(DROP), answer(503)])
def test_a_database_that_does_not_answer_is_no_all_clear(failure: Any) -> None:
    said = audited(failure)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("The packages could not be checked, so nothing is known about them. ")
    assert said.stderr.count("\n") == 1
