"""The image and the compose file fit the settings, the release and each other. The proof of the same name runs them."""

import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

import container_image
from simsim.config import environment
from simsim.config.setting_sources import PREFIX, prove_known

pytestmark = pytest.mark.covers("B7")
COMPOSED: dict[str, Any] = yaml.safe_load(container_image.COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}


def test_compose_file_follows_the_specification() -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(container_image.COMPOSE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_image_runs_as_a_user_without_rights_and_installs_only_what_the_lock_lists() -> None:
    listed = container_image.instructions()
    last = max(number for number, (name, _) in enumerate(listed) if name == "FROM")
    final = dict(listed[last:])
    assert final["USER"] == "10001:10001"
    assert {"ENTRYPOINT", "CMD", "HEALTHCHECK"} <= set(final)
    assert not [argument for name, argument in listed[last:] if name == "RUN" and "pip" in argument]
    (installed,) = [argument for name, argument in listed if name == "RUN" and "pip install" in argument]
    assert {"--require-hashes", "--no-deps"} <= set(installed.split())
    assert "ADD" not in dict(listed)
    (copied,) = [argument.split()[:-1] for name, argument in listed if name == "COPY" and "--from" not in argument]
    release = ("simsim-0.1.0-py3-none-any.whl", "simsim-0.1.0-requirements.txt", "simsim-0.1.0.tar.gz", "SHA256SUMS")
    assert [[fnmatch(name, pattern) for name in release] for pattern in copied] == [
        [True, False, False, False],
        [False, True, False, False],
    ]


@pytest.mark.parametrize("name", OURS)
def test_container_has_no_rights_and_only_settings_that_exist(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service
    for variable in service["environment"]:
        if variable.startswith(PREFIX):
            prove_known(variable)
    files = {value for variable, value in service["environment"].items() if variable.endswith("_FILE")}
    assert files <= {f"/run/secrets/{secret}" for secret in service["secrets"]}


def test_containers_start_in_their_order() -> None:
    waits = {name: {of: each["condition"] for of, each in service.get("depends_on", {}).items()}
             for name, service in SERVICES.items()}  # fmt: skip
    prepared = {"postgres": "service_healthy", "setup": "service_completed_successfully"}
    assert waits == {
        "postgres": {}, "setup": {"postgres": "service_healthy"}, "console": prepared, "worker": prepared,
        "gateway": {"console": "service_healthy"},
    }  # fmt: skip
    assert all("healthcheck" in SERVICES[name] for name in ("postgres", "worker", "gateway"))


def test_secrets_are_files_that_the_script_creates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = shutil.copy2(container_image.COMPOSE.with_name("create-secrets"), tmp_path)
    subprocess.run([script], check=True, timeout=20)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {name: secret["file"] for name, secret in COMPOSED["secrets"].items()} == {
        name: f"./secrets/{name}" for name in made
    }
    again = subprocess.run([script], check=True, timeout=20, capture_output=True, text=True)
    assert again.stdout == ""
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path / "data"))
    for name in ("database_url", "token_keys", "secret_key"):
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
        monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(tmp_path / "secrets" / name))
    environment.read().prove_secrets()
    assert not environment.read().is_embedded
