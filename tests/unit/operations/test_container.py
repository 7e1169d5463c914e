"""The image and its compose file: nothing runs as root, and each name in them is one that Simsim knows."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from dockerfile import command_of, instructions
from parsed_commands import parse
from simsim.config.environment import Environment

pytestmark = pytest.mark.covers("B21")
ROOT = Path(__file__).parents[3]
RECIPE = instructions(ROOT / "release/container/Dockerfile")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "release/container/compose.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "simsim"}
# Keys of the Compose specification that the file uses: a misspelt key would be ignored by some engines.
KEYS = {
    "image", "restart", "read_only", "tmpfs", "cap_drop", "security_opt", "secrets", "volumes", "environment",
    "command", "ports", "depends_on", "healthcheck", "extra_hosts",
}  # fmt: skip
CONDITIONS = {"service_healthy", "service_completed_successfully"}


def last(name: str) -> str:
    return [each.text for each in RECIPE if each.stage == RECIPE[-1].stage and each.name == name][-1]


def test_image_takes_the_files_that_a_release_has() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (copied,) = [each.text for each in RECIPE if each.name == "COPY" and not each.text.startswith("--from")]
    wheel, lock, _ = copied.split()
    assert fnmatch(f"simsim-{version}-py3-none-any.whl", wheel)
    assert fnmatch(f"simsim-{version}-requirements.txt", lock)
    (install,) = [each.text for each in RECIPE if each.name == "RUN" and "pip install" in each.text]
    assert "--no-deps --require-hashes" in install


def test_image_runs_simsim_as_a_user_who_is_not_root() -> None:
    assert int(last("USER")) > 0
    assert command_of(last("ENTRYPOINT")) == ["simsim"]
    parse(command_of(last("CMD")))
    assert last("VOLUME") == "/var/lib/simsim"


@pytest.mark.parametrize("name", OURS)
def test_container_can_write_only_to_its_volume(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["simsim:/var/lib/simsim"]


@pytest.mark.parametrize("name", OURS)
def test_container_starts_a_command_with_settings_that_exist(name: str) -> None:
    parse(OURS[name]["command"])
    settings = {f"SIMSIM_{field.upper()}" for field in Environment.model_fields}
    assert {setting.removesuffix("_FILE") for setting in OURS[name]["environment"]} <= settings


def test_every_name_in_the_compose_file_leads_to_something() -> None:
    assert set(COMPOSE) == {"x-simsim", "services", "secrets", "volumes"}
    for service in COMPOSE["services"].values():
        assert set(service) <= KEYS
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        for other, how in service.get("depends_on", {}).items():
            assert other in COMPOSE["services"]
            assert how["condition"] in CONDITIONS
    used = {secret for service in COMPOSE["services"].values() for secret in service["secrets"]}
    assert used == set(COMPOSE["secrets"])


def test_whoever_is_awaited_as_healthy_has_a_check() -> None:
    for service in COMPOSE["services"].values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy" and other not in OURS:
                assert COMPOSE["services"][other]["healthcheck"]["test"][0] == "CMD"
    # The others have the image's own.
    assert command_of(last("HEALTHCHECK"))[0] == "python"
