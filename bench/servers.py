"""The servers under load, each pinned to one core: our gate, a no-op, nginx in front of either, and other products."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt

from bench.load import SERVER_CORE
from bench.tokens import Credential, environment
from simsim.gateway import nginx_configuration, nginx_program

READY_SECONDS = 20
GRANIAN = ["--interface", "rsgi", "--workers", "1", "--loop", "uvloop", "--http", "1", "--no-ws"]

UPSTREAM = """
daemon off; pid {prefix}/upstream.pid; error_log stderr crit; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; {temporary}
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '[]'; }} }}
}}
"""
AUTH_BASIC = """
daemon off; pid {prefix}/auth_basic.pid; error_log stderr crit; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
  access_log {prefix}/auth_basic.log; keepalive_requests 1000000000; {temporary}
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_basic simsim; auth_basic_user_file {htpasswd};
      proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""
CADDYFILE = """
{{
  admin off
  auto_https off
  persist_config off
}}
http://127.0.0.1:{port} {{
  log {{
    output file {prefix}/caddy.log
  }}
  basic_auth {{
    {user} {hash}
  }}
  reverse_proxy 127.0.0.1:{upstream}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], *, ready: int | Path, variables: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server on the servers' core during the block; `ready` is the port or socket that it will open."""
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *command], env=variables, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not is_open(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"did not start: {' '.join(map(str, command))}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def is_open(where: int | Path) -> bool:
    family, address = (socket.AF_INET, ("127.0.0.1", where)) if isinstance(where, int) else (socket.AF_UNIX, str(where))
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def granian(
    application: str, where: int | Path, data: Path, variables: dict[str, str] | None = None
) -> contextlib.AbstractContextManager[None]:
    """Serve an RSGI application on a port or a Unix socket, with the options of `simsim serve`.

    Its environment is for a Simsim in `data`, unless another is given.
    """
    place = ["--port", str(where), "--host", "127.0.0.1"] if isinstance(where, int) else ["--uds", str(where)]
    command = [str(Path(sys.executable).with_name("granian")), *GRANIAN, *place, "--log-level", "error", application]
    root = str(Path(__file__).parents[1])
    return running(command, ready=where, variables=(variables or environment(data)) | {"PYTHONPATH": root})


def user_line() -> str:
    return "user root;" if os.geteuid() == 0 else ""


def temporary_paths(prefix: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {prefix}/{kind};" for kind in kinds)


def run_nginx(text: str, name: str, prefix: Path, port: int) -> contextlib.AbstractContextManager[None]:
    path = prefix / f"{name}.conf"
    path.write_text(text, encoding="utf-8")
    return running([str(nginx_program.find_binary()), "-c", str(path), "-p", str(prefix), "-e", "stderr"], ready=port)


def upstream(prefix: Path, port: int) -> contextlib.AbstractContextManager[None]:
    """Run an API that does nothing, so that only the servers in front of it are measured."""
    text = UPSTREAM.format(prefix=prefix, port=port, user=user_line(), temporary=temporary_paths(prefix))
    return run_nginx(text, "upstream", prefix, port)


def gateway(prefix: Path, port: int, api: int, gate_socket: Path) -> contextlib.AbstractContextManager[None]:
    """Run the gateway's own nginx configuration in front of the API; it asks the server on the socket."""
    folder = prefix / f"gateway-{port}"
    folder.mkdir()
    settings = nginx_configuration.GatewaySettings(
        upstream=f"http://127.0.0.1:{api}", listen=f"127.0.0.1:{port}", gate_socket=gate_socket,
        access_log=folder / "gateway.jsonl", prefix=folder,
    )  # fmt: skip
    return run_nginx(nginx_configuration.render(settings), "gateway", folder, port)


def auth_basic(prefix: Path, port: int, api: int, credential: Credential) -> contextlib.AbstractContextManager[None]:
    """Run nginx with its own auth_basic and a bcrypt hash of cost 5."""
    htpasswd = prefix / "htpasswd"
    hashed = bcrypt.hashpw(credential[1].encode(), bcrypt.gensalt(5, prefix=b"2a")).decode()
    htpasswd.write_text(f"{credential[0]}:{hashed}\n", encoding="ascii")
    text = AUTH_BASIC.format(
        prefix=prefix, port=port, upstream=api, htpasswd=htpasswd, user=user_line(), temporary=temporary_paths(prefix)
    )
    return run_nginx(text, "auth_basic", prefix, port)


def caddy(prefix: Path, port: int, api: int, credential: Credential) -> contextlib.AbstractContextManager[None]:
    """Run Caddy with basic_auth; it remembers which passwords matched their hashes."""
    hashed = bcrypt.hashpw(credential[1].encode(), bcrypt.gensalt(14)).decode()
    path = prefix / "Caddyfile"
    path.write_text(CADDYFILE.format(prefix=prefix, port=port, upstream=api, user=credential[0], hash=hashed))
    binary = shutil.which("caddy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "caddy"
    command = [binary, "run", "--config", str(path), "--adapter", "caddyfile"]
    variables = {
        **os.environ,
        "HOME": str(prefix),
        "XDG_DATA_HOME": str(prefix),
        "XDG_CONFIG_HOME": str(prefix),
        "GOMAXPROCS": "1",
    }
    return running(command, ready=port, variables=variables)
