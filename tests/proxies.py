"""Other proxies in front of the real gate, configured as docs/operators/proxies.md shows."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from postgresql_server import free_port
from simsim.gateway import proxy_files
from simsim.gateway.addresses import HostPort
from simsim.gateway.proxy_files import OtherProxy
from stack import Stack

CADDY = Path(sys.executable).with_name("caddy")
# A site without a gate, which Caddy logs into the same file, also with ids.
OTHER_SITE = """
http://127.0.0.1:{port} {{
	log {{
		output file {log}
	}}
	log_append <request_id {{http.request.uuid}}
	respond "unprotected"
}}
"""


@dataclass
class StackWithCaddy(Stack):
    """The whole product with Caddy beside its own gateway: Caddy asks the gate on its listener."""

    gate_port: int = field(default_factory=free_port)
    proxy_port: int = field(default_factory=free_port)
    other_port: int = field(default_factory=free_port)

    @property
    def access_log(self) -> Path:
        return self.directory / "access.json"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SIMSIM_TRUSTED_PROXIES": "127.0.0.1/32",
            "SIMSIM_GATE_LISTEN": f"127.0.0.1:{self.gate_port}",
            "SIMSIM_ACCESS_LOGS": f"caddy:{self.access_log}",
        }

    def start(self) -> None:
        super().start()
        configuration = self.directory / "Caddyfile"
        other = OTHER_SITE.format(port=self.other_port, log=self.access_log)
        options = "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n"
        configuration.write_text(options + self.configured() + other)
        self.spawn("caddy", CADDY, "run", "--config", configuration, "--adapter", "caddyfile")
        self.wait_until(lambda: self.get("/", port=self.other_port).status == 200, "Caddy answers")

    def configured(self) -> str:
        """Return the documented configuration, with this stack's places for the ones that it names."""
        api, gate = f"http://127.0.0.1:{self.api_port}", HostPort("127.0.0.1", self.gate_port)
        (text,) = proxy_files.files_for(OtherProxy.CADDY, api, gate).values()
        for written, meant in {
            "api.example.com {": f"http://127.0.0.1:{self.proxy_port} {{",
            "/var/log/caddy/access.json": str(self.access_log),
        }.items():
            assert written in text, written
            text = text.replace(written, meant)
        return text


def rotate_by_copying(path: Path) -> None:
    """Rotate a log as logrotate does with copytruncate."""
    subprocess.run(["cp", path, path.with_name(f"{path.name}.2")], check=True)
    with path.open("r+b") as file:
        file.truncate()
