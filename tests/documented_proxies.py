"""Other proxies, each configured as `simsim gateway --print-config --for` and docs/operators/proxies.md show."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from postgresql_server import free_port
from simsim.gateway import nginx_program, proxy_files
from simsim.gateway.addresses import HostPort
from simsim.gateway.proxy_files import OtherProxy
from stack import Stack

CADDY = Path(sys.executable).with_name("caddy")
HEADERS_MORE = Path("/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so")
CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n"
NGINX = """load_module {module};
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
{temporary}
{text}
}}
"""
TEMPORARY = " ".join(f"{kind}_temp_path {{0}}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


@dataclass
class StackWithProxies(Stack):
    """`simsim serve` with a listener for its gate, and proxies that ask there; the API is another's."""

    gate_port: int = field(default_factory=free_port)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SIMSIM_TRUSTED_PROXIES": "127.0.0.1/32",
            "SIMSIM_GATE_LISTEN": f"127.0.0.1:{self.gate_port}",
        }

    def start_proxy(self, make: str) -> None:
        self.ports[make] = free_port()
        COMMANDS[make](self, self.ports[make])
        self.wait_until(lambda: self.get("/", port=self.ports[make]).status == 401, f"{make} answers")

    def files(self, proxy: OtherProxy, changed: dict[str, str]) -> list[str]:
        """Return the texts of a proxy's files, with this stack's places for the ones that they name."""
        gate = HostPort("127.0.0.1", self.gate_port)
        texts = list(proxy_files.files_for(proxy, f"http://127.0.0.1:{self.api_port}", gate).values())
        for written, meant in changed.items():
            assert any(written in text for text in texts), written
            texts = [text.replace(written, meant) for text in texts]
        return texts

    def log_of(self, make: str) -> Path:
        return self.directory / f"{make}.json"


def caddy(stack: StackWithProxies, port: int) -> None:
    changed = {
        "api.example.com {": f"http://:{port} {{",
        "/var/log/caddy/access.json": str(stack.log_of("caddy")),
    }
    configuration = stack.directory / "Caddyfile"
    (text,) = stack.files(OtherProxy.CADDY, changed)
    configuration.write_text(CADDY_OPTIONS + text)
    stack.spawn("caddy", CADDY, "run", "--config", configuration, "--adapter", "caddyfile")


def own_nginx(stack: StackWithProxies, port: int) -> None:
    changed = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "/var/log/nginx/simsim.json": str(stack.log_of("nginx")),
        "    ssl_certificate     /etc/ssl/api.example.com.pem;\n": "",
        "    ssl_certificate_key /etc/ssl/private/api.example.com.key;\n": "",
    }
    configuration = stack.directory / "own-nginx.conf"
    (text,) = stack.files(OtherProxy.NGINX, changed)
    configuration.write_text(
        NGINX.format(
            module=HEADERS_MORE, folder=stack.directory, user="user root;" if os.geteuid() == 0 else "",
            temporary=TEMPORARY.format(stack.directory), text=text,
        )
    )  # fmt: skip
    stack.spawn("nginx", nginx_program.find_binary(), "-c", configuration, "-p", stack.directory, "-e", "stderr")


def haproxy(stack: StackWithProxies, port: int) -> None:
    script = stack.directory / "simsim.lua"
    changed = {
        "log /dev/log format raw local0": "log stdout format raw local0",
        "/etc/haproxy/simsim.lua": str(script),
        "bind :443 ssl crt /etc/haproxy/api.example.com.pem": f"bind 127.0.0.1:{port}",
    }
    text, configured = stack.files(OtherProxy.HAPROXY, changed)
    script.write_text(text)
    configuration = stack.directory / "haproxy.cfg"
    configuration.write_text(configured)
    stack.spawn("haproxy", shutil.which("haproxy") or "haproxy", "-db", "-f", configuration)


def envoy(stack: StackWithProxies, port: int) -> None:
    asked = free_port()
    changed = {
        "port_value: 8443": f"port_value: {port}",
        "port_value: 8444": f"port_value: {asked}",
        "127.0.0.1:8444": f"127.0.0.1:{asked}",
        "/var/log/envoy/access.json": str(stack.log_of("envoy")),
    }
    configuration = stack.directory / "envoy.yaml"
    (text,) = stack.files(OtherProxy.ENVOY, changed)
    configuration.write_text(text)
    stack.spawn(
        "envoy", shutil.which("envoy") or "envoy", "-c", configuration, "--use-dynamic-base-id", "--log-level", "error"
    )


COMMANDS: dict[str, Callable[[StackWithProxies, int], None]] = {
    "caddy": caddy,
    "nginx": own_nginx,
    "haproxy": haproxy,
    "envoy": envoy,
}
