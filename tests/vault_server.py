"""A real OpenBao server on loopback with TLS. Its transit engine has a key, and a token may use that key only."""

import base64
import contextlib
import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tls_files
from documented_examples import example
from postgresql_server import free_port
from processes import wait_for

BAO = Path(sys.executable).with_name("bao")
KEY, CONTEXT = "simsim", "tests"
PAGE = "docs/operators/key-services.md"


@dataclass
class VaultServer:
    """The server, and what its operator can do with it."""

    folder: Path
    port: int = field(default_factory=free_port)
    root_token: str = ""
    unseal_key: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        self.certificate, self._private = tls_files.make(self.folder, "vault")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def settings(self, **more: str) -> dict[str, str]:
        """Return the settings with which Simsim uses it."""
        return {
            "SIMSIM_KEY_WRAPPER": "vault",
            "SIMSIM_KEY_WRAPPER_KEY": KEY,
            "SIMSIM_KEY_WRAPPER_CONTEXT": CONTEXT,
            "SIMSIM_VAULT_URL": self.url,
            "SIMSIM_VAULT_TOKEN": self.token,
            "SIMSIM_VAULT_CA": str(self.certificate),
            **more,
        }

    def ask(self, method: str, path: str, **facts: object) -> dict[str, Any]:
        """Send one request as the root, and return the answer."""
        request = urllib.request.Request(f"{self.url}/v1/{path}", json.dumps(facts).encode(), method=method)
        request.add_header("X-Vault-Token", self.root_token)
        trusted: ssl.SSLContext = tls_files.trusting(self.certificate)
        with urllib.request.urlopen(request, timeout=20, context=trusted) as answer:
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found

    def seal(self) -> None:
        self.ask("PUT", "sys/seal")

    def unseal(self) -> None:
        self.ask("PUT", "sys/unseal", key=self.unseal_key)

    def wrapped(self, content: bytes, *, key: str = KEY, bound_to: str = f"simsim-token-keys:{CONTEXT}") -> str:
        """Return any bytes as the transit engine encrypts them."""
        texts = {"plaintext": content, "associated_data": bound_to.encode()}
        answer = self.ask(
            "POST", f"transit/encrypt/{key}", **{n: base64.b64encode(t).decode() for n, t in texts.items()}
        )
        return str(answer["data"]["ciphertext"])

    def write_configuration(self) -> Path:
        listener = {
            "address": f"127.0.0.1:{self.port}",
            "tls_cert_file": str(self.certificate),
            "tls_key_file": str(self._private),
        }
        facts = {"storage": {"inmem": {}}, "listener": {"tcp": listener}, "api_addr": self.url, "disable_mlock": True}
        path = self.folder / "bao.json"
        path.write_text(json.dumps(facts))
        return path

    def set_up(self) -> None:
        made = self.ask("PUT", "sys/init", secret_shares=1, secret_threshold=1)
        self.root_token, self.unseal_key = made["root_token"], made["keys"][0]
        self.unseal()
        (self.folder / "simsim-policy.hcl").write_text(example(PAGE, 'path "transit').text)
        self.run(example(PAGE, "vault secrets enable").text)
        self.token = (self.folder / "vault-token").read_text().strip()

    def run(self, commands: str) -> None:
        """Run commands of Vault, whose name is `bao` here, as the root."""
        environment = {
            "PATH": f"{BAO.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "BAO_ADDR": self.url,
            "BAO_CACERT": str(self.certificate),
            "BAO_TOKEN": self.root_token,
        }
        script = f'set -e; vault() {{ bao "$@"; }}\n{commands}'
        subprocess.run(["bash", "-c", script], cwd=self.folder, env=environment, check=True, capture_output=True)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[VaultServer]:
    """Serve for as long as the context lasts."""
    server = VaultServer(folder)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(BAO), "server", f"-config={server.write_configuration()}"]
    with (folder / "bao.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: is_answering(server))
        server.set_up()
        yield server
    finally:
        process.terminate()
        process.wait(30)


def is_answering(server: VaultServer) -> bool:
    with contextlib.suppress(OSError):
        return not server.ask("GET", "sys/seal-status")["initialized"]
    return False
