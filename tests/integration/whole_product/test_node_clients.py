"""The TypeScript client and the Postman collection of `make node-clients`, against a running server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from documented_examples import ROOT, example
from stack import Stack

pytestmark = pytest.mark.timeout(600)
PROGRAMS = ROOT / ".cache/node/node_modules/.bin"


def run(*command: str | Path, cwd: Path, **settings: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clients")
    run(
        sys.executable, ROOT / "release/node_clients.py", folder, cwd=ROOT, SIMSIM_DATA_DIR=str(folder / "data"),
        DJANGO_SETTINGS_MODULE="simsim.config.settings",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Any:
    return stack.simsim("management-token", "create", "--name", "N", "--expires", "90d", "--as", "alice@acme.example")


@pytest.mark.covers("B7", "B22")
def test_the_typescript_client_works(stack: Stack, made: Path, alice: Any, tmp_path: Path) -> None:
    (package,) = made.glob("*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    run("npm", "install", "--silent", "--offline", "--no-audit", str(package), cwd=tmp_path)
    program = example("docs/integrators/clients.md", "simsim-client").text
    program = program.replace("https://console.example.com", f"http://localhost:{stack.console_port}")
    (tmp_path / "main.ts").write_text(program.replace("6f1c3b0a-2f57-4c55-8b11-0c8f5d1f7a10", stack.account))
    types = ROOT / ".cache/node/node_modules/@types"
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--typeRoots", str(types), "--types", "node"]
    run(PROGRAMS / "tsc", *options, "main.ts", cwd=tmp_path)
    secret = f"{alice['username']}:{alice['password']}"
    first, second = (run("node", "main.js", cwd=tmp_path, SIMSIM_MANAGEMENT_TOKEN=secret) for _ in range(2))
    assert stack.simsim("token", "show", first.strip())["name"] == "Grafana"
    assert second == ""


@pytest.mark.covers("B7")
def test_the_postman_collection_works(stack: Stack, made: Path, alice: Any, tmp_path: Path) -> None:
    values = {
        "baseUrl": f"http://localhost:{stack.console_port}/api/v1", "basicAuthUsername": alice["username"],
        "basicAuthPassword": alice["password"], "account_id": stack.account,
    }  # fmt: skip
    wanted = {"Get account": 200, "List tokens": 200, "Create token": 201, "Get usage": 200, "List requests": 200}
    run(
        PROGRAMS / "newman", "run", made / "simsim.postman_collection.json", "--reporters", "json",
        "--reporter-json-export", "report.json", *(part for name in wanted for part in ("--folder", name)),
        *(part for name, value in values.items() for part in ("--env-var", f"{name}={value}")), cwd=tmp_path,
    )  # fmt: skip
    ran = json.loads((tmp_path / "report.json").read_text())["run"]["executions"]
    assert {each["item"]["name"]: each["response"]["code"] for each in ran} == wanted
