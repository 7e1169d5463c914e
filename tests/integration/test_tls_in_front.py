"""A real nginx that ends TLS, configured by the very text of docs/operators/tls.md, before console and gateway."""

import http.client
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from documented_examples import example
from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from simsim.gateway import nginx_program
from stack import Answer, Stack, basic, started

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9", "R16"), pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[2] / "docs/operators/tls.md"
CONSOLE, API = "console.example.com", "api.example.com"
WHOLE = """
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{sites}
}}
"""


@dataclass
class StackBehindTls(Stack):
    """The whole product, with the page's nginx in front of console and gateway."""

    plain_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SIMSIM_BASE_URL": f"https://{CONSOLE}",
            "SIMSIM_TRUSTED_PROXIES": "127.0.0.1/32",
        }

    def start(self) -> None:
        super().start()
        folder = self.directory / "tls"
        folder.mkdir()
        for name in ("console", "api"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                 "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                check=True, capture_output=True,
            )  # fmt: skip
        sites = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
        for written, meant in {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
            "/etc/ssl/simsim": str(folder),
            "127.0.0.1:8000": f"127.0.0.1:{self.console_port}",
            "127.0.0.1:8080": f"127.0.0.1:{self.gateway_port}",
        }.items():
            assert written in sites, written
            sites = sites.replace(written, meant)
        configuration = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        configuration.write_text(WHOLE.format(folder=folder, user=user, sites=sites), encoding="utf-8")
        self.spawn("tls", nginx_program.find_binary(), "-c", configuration, "-p", folder, "-e", "stderr")
        self.wait_until(lambda: self.ask(API, "/").status == 401, "nginx answers")

    def ask(self, host: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Return what a caller gets over TLS."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=20, context=context)
        try:
            connection.request("GET", path, headers={"Host": host} | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackBehindTls]:
    with started(StackBehindTls(tmp_path_factory.mktemp("tls"), ON_POSTGRESQL)) as stack:
        yield stack


@pytest.fixture(scope="module")
def token(stack: StackBehindTls) -> dict[str, Any]:
    return stack.create_token("Over TLS", "--allow", "127.0.0.1")


def test_console_is_reached_and_binds_browsers_to_https(stack: StackBehindTls) -> None:
    answer = stack.ask(CONSOLE, "/sign-in/login/")
    assert answer.status == 200
    assert "max-age=31536000" in (answer.headers["Strict-Transport-Security"] or "")
    assert "secure" in (answer.headers["Set-Cookie"] or "").lower()


def test_the_pages_commands_show_that_it_works(stack: StackBehindTls, token: dict[str, Any], tmp_path: Path) -> None:
    commands = example("docs/operators/tls.md", "grep -i strict-transport").text
    for name in ("username", "password"):
        commands = commands.replace(name.upper(), token[name])
    # curl finds the two hosts here, and takes their certificates without asking who signed them.
    hosts = [f'connect-to = "{host}:443:127.0.0.1:{stack.tls_port}"' for host in (CONSOLE, API)]
    (tmp_path / ".curlrc").write_text("\n".join(["insecure", *hosts]))
    environment = os.environ | {"CURL_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", commands], env=environment, capture_output=True,
                          text=True, check=False, timeout=30)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "max-age=31536000" in done.stdout.lower()
    stack.wait_until(lambda: stack.log_rows(token=token["id"]), "the call is in the log")


def test_browsers_that_come_without_tls_are_sent_on(stack: StackBehindTls) -> None:
    answer = stack.get("/tokens?x=1", port=stack.plain_port, headers={"Host": CONSOLE})
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{CONSOLE}/tokens?x=1")


def test_api_is_told_the_scheme_the_host_and_the_callers_address(stack: StackBehindTls, token: dict[str, Any]) -> None:
    opens = basic((token["username"], token["password"]))
    answer = stack.ask(API, "/headers", opens | {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher"})
    assert answer.status == 200, "the allowlist holds the caller's address, not one that the caller wrote"
    told = dict(json.loads(answer.body))
    assert (told["x-forwarded-proto"], told["x-forwarded-host"]) == ("https", API)
    assert "203.0.113.9" not in told["x-forwarded-for"]
