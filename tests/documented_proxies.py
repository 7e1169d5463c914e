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
from stack import BIN, Stack

CADDY, ENVOY, TRAEFIK = (Path(sys.executable).with_name(name) for name in ("caddy", "envoy", "traefik"))
# Traefik would ask its makers about newer versions.
TRAEFIK_OPTIONS = "global: { checkNewVersion: false, sendAnonymousUsage: false }\n"
LOGGING = ("nginx", "caddy", "haproxy", "envoy", "traefik")
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
            "SIMSIM_ACCESS_LOGS": ",".join(f"{make}:{self.log_of(make)}" for make in LOGGING),
        }

    def start_proxy(self, make: str) -> None:
        self.start_proxies(make)

    def start_proxies(self, *makes: str) -> None:
        for make in makes:
            self.ports[make] = free_port()
            COMMANDS[make](self, self.ports[make])
        for make in makes:
            self.wait_until(lambda make=make: self.get("/", port=self.ports[make]).status == 401, f"{make} answers")

    def files(self, proxy: OtherProxy, changed: dict[str, str]) -> list[str]:
        """Return the texts of a proxy's files, with this stack's places for the ones that they name."""
        gate = HostPort("127.0.0.1", self.gate_port)
        texts = list(proxy_files.files_for(proxy, f"http://127.0.0.1:{self.api_port}", gate).values())
        for written, meant in changed.items():
            assert any(written in text for text in texts), written
            texts = [text.replace(written, meant) for text in texts]
        return texts

    def log_of(self, make: str) -> Path:
        # HAProxy writes no files.
        return self.directory / ("haproxy.log" if make == "haproxy" else f"{make}.json")


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
        "envoy", ENVOY, "-c", configuration, "--use-dynamic-base-id", "--log-level", "error",
        "--file-flush-interval-msec", "200", "--concurrency", "1",
    )  # fmt: skip


def traefik(stack: StackWithProxies, port: int) -> None:
    static, dynamic = stack.directory / "traefik.yml", stack.directory / "dynamic.yml"
    changed = {
        "127.0.0.1:8443": f"127.0.0.1:{port}",
        "/etc/traefik/dynamic.yml": str(dynamic),
        "/var/log/traefik/access.json": str(stack.log_of("traefik")),
    }
    for path, text in zip((static, dynamic), stack.files(OtherProxy.TRAEFIK, changed), strict=True):
        path.write_text(text)
    static.write_text(TRAEFIK_OPTIONS + static.read_text())
    stack.spawn("traefik", TRAEFIK, f"--configFile={static}")


def gateway(stack: StackWithProxies, port: int) -> None:
    upstream = f"http://127.0.0.1:{stack.api_port}"
    stack.spawn("gateway", BIN / "simsim", "gateway", "--upstream", upstream, "--listen", str(port))


def protected(framework: str, interface: str) -> Callable[[StackWithProxies, int], None]:
    """Return what starts an API in that framework behind the middleware."""

    def start(stack: StackWithProxies, port: int) -> None:
        stack.spawn(
            framework, sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port",
            str(port), "--log-level", "error", "--factory", "--working-dir", Path(__file__).parent,
            f"protected_apis:{framework}",
        )  # fmt: skip

    return start


def elsewhere(framework: str, interface: str) -> Callable[[StackWithProxies, int], None]:
    """Return what starts an API behind the middleware as on a host without a database: it asks the stack's gate."""

    def start(stack: StackWithProxies, port: int) -> None:
        create = ("management-token", "create", "--scope", "gate", "--name", framework, "--expires", "9d")
        data = stack.directory / f"{framework}-elsewhere"
        stack.spawn(
            data.name, "/usr/bin/env", f"SIMSIM_DATA_DIR={data}", f"SIMSIM_GATE_URL=http://127.0.0.1:{stack.gate_port}",
            f"SIMSIM_GATE_TOKEN={stack.simsim(*create)['password']}", sys.executable, "-m", "granian", "--interface",
            interface, "--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--factory", "--working-dir",
            Path(__file__).parent, f"protected_apis:{framework}",
        )  # fmt: skip

    return start


COMMANDS: dict[str, Callable[[StackWithProxies, int], None]] = {
    "gateway": gateway,
    "nginx": own_nginx,
    "caddy": caddy,
    "envoy": envoy,
    "haproxy": haproxy,
    "traefik": traefik,
    "fastapi": protected("fastapi", "asgi"),
    "starlette": protected("starlette", "asgi"),
    "flask": protected("flask", "wsgi"),
    "django": protected("django", "wsgi"),
    "fastapi-elsewhere": elsewhere("fastapi", "asgi"),
    "flask-elsewhere": elsewhere("flask", "wsgi"),
}
