"""The documented job that renews its own token, run as GitHub Actions runs it, while other jobs call the API."""

import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from documented_examples import example
from simsim.client import Simsim
from stack import Stack

pytestmark = pytest.mark.timeout(600)
# What stores a secret: the far end of `gh secret set NAME`.
GH = """#!/bin/sh
[ "$1 $2" = "secret set" ] && [ "$GH_TOKEN" = writer ] && cat > "$STORE/$3.new" && mv "$STORE/$3.new" "$STORE/$3"
"""


class Actions:
    """Runs a workflow's job: its environment with secrets and variables, and what a step passes on."""

    def __init__(self, home: Path, addresses: dict[str, str]) -> None:
        self.home, self.addresses = home, addresses
        self.store = home / "secrets"
        self.store.mkdir()
        program = home / "bin/gh"
        program.parent.mkdir()
        program.write_text(GH)
        program.chmod(0o755)
        self.said = ""

    def value(self, text: str) -> str:
        found = re.fullmatch(r"\$\{\{ (\w+)\.(\w+) \}\}", text)
        if found is None:
            return self.addresses.get(text, text)
        return "acme/reports" if found[1] == "github" else (self.store / found[2]).read_text()

    def run(self, job: dict[str, Any], run_id: str) -> None:
        passed_on = self.home / "environment"
        passed_on.write_text("")
        base = {name: self.value(text) for name, text in job["env"].items()}
        for step in job["steps"]:
            later = dict(line.split("=", 1) for line in passed_on.read_text().splitlines())
            own = {name: self.value(text) for name, text in step.get("env", {}).items()}
            settings = {
                "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}", "GITHUB_RUN_ID": run_id,
                "GITHUB_ENV": str(passed_on), "STORE": str(self.store),
            }  # fmt: skip
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                env=settings | base | later | own, cwd=self.home, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            self.said += f"{done.stdout}\n"


@pytest.mark.covers("B2", "B15", "B22")
def test_the_job_rotates_its_token_and_no_request_fails(stack: Stack, tmp_path: Path) -> None:
    made = stack.simsim("management-token", "create", "--name", "W", "--expires", "90d", "--as", "alice@acme.example")
    with Simsim(f"http://localhost:{stack.console_port}", username=made["username"], password=made["password"]) as api:
        api.edit_account(stack.account, if_match="*", programs_may_rotate=True)
    token = stack.create_token("Rotated by a job")
    job = yaml.safe_load(example("docs/integrators/clients.md", "Rotate the API token").text)["jobs"]["rotate"]
    addresses = {
        "https://console.example.com/api/v1": f"http://localhost:{stack.console_port}/api/v1",
        "https://api.example.com": f"http://127.0.0.1:{stack.gateway_port}",
    }
    actions = Actions(tmp_path, addresses)
    secret = actions.store / "SIMSIM_PASSWORD"
    for name, value in (("PASSWORD", token["password"]), ("USERNAME", token["username"])):
        (actions.store / f"SIMSIM_{name}").write_text(value)
    (actions.store / "SECRETS_WRITER").write_text("writer")
    statuses: list[int] = []
    ended = threading.Event()

    def other_job() -> None:
        while not ended.is_set():
            auth = (token["username"], secret.read_text())
            statuses.append(stack.get("/api/v2/entities", auth=auth).status)

    caller = threading.Thread(target=other_job)
    caller.start()
    passwords = [secret.read_text()]
    try:
        for run_id in ("1001", "1002"):
            actions.run(job, run_id)
            passwords.append(secret.read_text())
        # The job failed after it had rotated, and before it had stored the password.
        (tmp_path / "before").write_text(passwords[1])
        (tmp_path / "before").replace(secret)
        actions.run(job, "1002")
        assert secret.read_text() == passwords[2]
        before = len(statuses)
        stack.wait_until(lambda: len(statuses) > before + 10, "the other job goes on")
    finally:
        ended.set()
        caller.join()
    assert len(set(passwords)) == 3
    assert set(statuses) == {200}
    assert actions.said.count("Baobab Growth Fund") == 3
    # Actions hides what it was told to mask.
    assert {line for line in actions.said.splitlines() if "sim_" in line} == {
        f"::add-mask::{password}" for password in passwords[1:]
    }
