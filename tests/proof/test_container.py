"""The image, built by its recipe and run as compose.yaml does: without rights, and on a read-only root."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

import container_image
import packages
import postgresql_server
from container_image import Image
from own_installation import own_database

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and change the root"),
]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(container_image.COMPOSE.read_text(encoding="utf-8"))["services"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    release = packages.build(tmp_path_factory.mktemp("release"), is_small=False)
    return container_image.build(tmp_path_factory.mktemp("image"), release)


class Containers:
    """The services of compose.yaml on one volume; ports and addresses are the test's own."""

    def __init__(self, image: Image, folder: Path, stack: ExitStack) -> None:
        self.image, self.volume, self.stack = image, folder / "volume", stack
        self.volume.mkdir(mode=0o700)
        os.chown(self.volume, 10001, 10001)
        script = packages.ROOT / "release/container/create-secrets"
        secrets = image.root / "run/secrets"
        (folder / "create-secrets").write_text(script.read_text())
        subprocess.run(["sh", folder / "create-secrets"], check=True, timeout=20)
        (folder / "secrets/database_url").unlink()
        (folder / "secrets/database_url").write_text(own_database("container", on_postgresql=True))
        secrets.mkdir(parents=True)
        for path in (folder / "secrets").iterdir():
            (secrets / path.name).write_bytes(path.read_bytes())
        self.console, self.gateway, self.api = (str(postgresql_server.free_port()) for _ in range(3))
        self.settings = {
            name: value for name, value in SERVICES["console"]["environment"].items() if name.endswith("_FILE")
        } | {"ACCOUNT": "Acme", "EMAIL": "alice@acme.example", "SIMSIM_EMAIL_URL": "smtp://127.0.0.1:9"}

    def command(self, name: str) -> list[str]:
        """Return what the service runs, with the test's own ports in place of its own."""
        service = SERVICES[name]
        words = [*service.get("entrypoint", self.image.entrypoint), *service.get("command", [])]
        words = [f"http://127.0.0.1:{self.api}" if word.startswith("${UPSTREAM") else word for word in words]
        words = [word.replace("$$", "$").replace("0.0.0.0:8080", f"127.0.0.1:{self.gateway}") for word in words]
        return [*words, "--port", self.console] if name == "console" else words

    def health(self, name: str) -> list[str]:
        test = SERVICES[name].get("healthcheck", {}).get("test", ["CMD", *self.image.health])
        words = test[1:] if test[0] == "CMD" else ["/bin/sh", "-c", test[1]]
        return [word.replace("$$", "$").replace(":8000", f":{self.console}").replace(":8080", f":{self.gateway}")
                for word in words]  # fmt: skip

    def is_healthy(self, name: str) -> bool:
        return self.run(self.health(name)).returncode == 0

    def run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return self.image.run(command, volume=self.volume, settings=self.settings)

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        arguments = self.image.arguments(self.command(name), self.volume)
        process = subprocess.Popen(arguments, env=self.image.environment | self.settings, stdin=subprocess.DEVNULL)
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.terminate)
        return process

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while not self.is_healthy(name):
            assert time.monotonic() < deadline, name
            time.sleep(0.5)


@pytest.fixture
def containers(image: Image, tmp_path: Path) -> Iterator[Containers]:
    with ExitStack() as stack:
        yield Containers(image, tmp_path, stack)


def test_services_of_the_compose_file_become_healthy_without_rights(containers: Containers) -> None:
    assert containers.run(["touch", "/opt/simsim/written"]).returncode != 0
    assert containers.run(["id", "-u"]).stdout.strip() == "10001"
    for attempt in ("first", "second"):
        done = containers.run(containers.command("setup"))
        assert done.returncode == 0, attempt + done.stderr
    assert "Everything is set up already. Nothing was changed." in done.stdout
    for name in ("console", "worker", "gateway"):
        assert not containers.is_healthy(name)
        containers.start(name)
        containers.wait_until_healthy(name)
    refused = containers.run(
        ["python3", "-c", f"from urllib.request import urlopen; urlopen('http://127.0.0.1:{containers.gateway}/')"]
    )
    assert "HTTP Error 401" in refused.stderr
