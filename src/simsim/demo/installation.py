"""The demo's installation: its directory, its ports, and the files that it keeps between starts."""

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from simsim.health.probes import is_port_free
from simsim.problem import Unusable

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Installation:
    """The demo's directory and the two ports that people use."""

    home: Path
    port: int
    gateway_port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read DEMO_DIR, DEMO_PORT and DEMO_GATEWAY_PORT; raise Unusable, naming the variable, for an invalid one."""
        return cls(
            Path(environment.get("DEMO_DIR") or ".demo").absolute(),
            parse_port("DEMO_PORT", environment.get("DEMO_PORT") or "8000"),
            parse_port("DEMO_GATEWAY_PORT", environment.get("DEMO_GATEWAY_PORT") or "8080"),
        )

    @property
    def console_url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def sample_file(self) -> Path:
        return self.home / "sample.json"

    @property
    def answer_file(self) -> Path:
        """The file that scripts wait for: it exists only while all parts of the demo answer."""
        return self.home / "demo.json"

    @property
    def mail_dir(self) -> Path:
        return self.home / "mail"

    def claim(self) -> int:
        """Create and lock the directory, and return the lock; raise Unusable if that fails or another demo uses it."""
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unusable("DEMO_DIR: %(reason)s", reason=str(error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Unusable("A demo is already running in DEMO_DIR=%(home)s", home=str(self.home)) from None
        return lock

    def prove_ports_free(self) -> None:
        """Raise Unusable, naming the variable to set, if one of the two ports is in use."""
        for name, port in (("DEMO_PORT", self.port), ("DEMO_GATEWAY_PORT", self.gateway_port)):
            if not is_port_free(LOOPBACK, port):
                raise Unusable("Port %(port)s is in use: choose another with %(name)s", port=str(port), name=name)


def parse_port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise Unusable("%(name)s must be a port number, not “%(text)s”", name=name, text=text)
    return int(text)


def free_port(preferred: int | None) -> int:
    """Return the preferred port if it is free, so that open pages keep working after a restart; else a free port."""
    if preferred and is_port_free(LOOPBACK, preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file, an empty one without a file."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    write_private(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace the file's contents with the text, atomically; only the owner can read it."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
