"""The console behind a proxy that ends TLS: sign-in, HSTS and links."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

import stack
from stack import PASSWORD, Answer, Stack

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]
LOGIN = "/sign-in/login/"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A console whose configured URL has capitals and a port. The peer, 127.0.0.1, is trusted."""
    settings = {"SIMSIM_BASE_URL": "HTTPS://Console.Example:443/", "SIMSIM_TRUSTED_PROXIES": "127.0.0.1/32"}
    served = Stack(tmp_path_factory.mktemp("tls"), on_postgresql=False, settings=settings)
    served.copy(stack.settled(on_postgresql=False))
    served.spawn("serve", stack.BIN / "simsim", "serve", "--port", str(served.console_port), "--no-worker")
    try:
        served.wait_until(lambda: served.get("/healthz", port=served.console_port).status == 200, "the console answers")
        yield served
    finally:
        served.stop()


def ask(console: Stack, headers: dict[str, str], form: dict[str, str] | None = None) -> Answer:
    if form is None:
        return console.get(LOGIN, port=console.console_port, headers=headers)
    headers = headers | {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(form).encode()
    return console.get(LOGIN, port=console.console_port, headers=headers, method="POST", body=body)


@pytest.mark.parametrize(
    "told",
    [
        {"Host": "console.example"},
        {"Host": "console.example", "X-Forwarded-Proto": "https"},
        {"Host": "10.0.0.5:8000", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "console.example"},
    ],
    ids=["host kept", "and scheme told", "both told"],
)
def test_people_sign_in_through_a_proxy_that_ends_tls_and_hsts_is_sent(console: Stack, told: dict[str, str]) -> None:
    page = ask(console, told)
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookies = "; ".join(line.partition(";")[0] for line in page.headers.get_all("Set-Cookie", []))
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page.body.decode())
    assert token
    form = {"csrfmiddlewaretoken": token[1], "login": "alice@acme.example", "password": PASSWORD}
    signed_in = ask(console, told | {"Origin": "https://console.example", "Cookie": cookies}, form)
    assert signed_in.status == 302
    assert signed_in.headers["Strict-Transport-Security"]
    for line in page.headers.get_all("Set-Cookie", []) + signed_in.headers.get_all("Set-Cookie", []):
        assert re.match(r"__Host-simsim[a-z-]*=", line), line
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(line.lower().split("; ")), line
        assert "domain" not in line.lower(), line
    refused = ask(console, told | {"Origin": "https://evil.example", "Cookie": cookies}, form)
    assert refused.status == 403


def test_hosts_that_are_not_the_consoles_are_refused(console: Stack) -> None:
    assert ask(console, {"Host": "evil.example"}).status == 400
    assert ask(console, {"Host": "console.example", "X-Forwarded-Host": "evil.example"}).status == 400


@pytest.mark.covers("R8")
def test_links_begin_with_the_one_form_of_the_address(console: Stack) -> None:
    made = console.create_token("Power BI")
    assert made["status"] == "active"
    console.simsim("user", "create", "bob@acme.example", "--account", console.account, "--role", "member")
    with closing(sqlite3.connect(console.data / "simsim.sqlite3")) as database:
        facts = " ".join(str(row[0]) for row in database.execute("SELECT facts FROM mail_owedmail"))
    links = re.findall(r"https?://[^\"\s]+", facts, re.IGNORECASE)
    assert links
    assert all(link.startswith("https://console.example/") for link in links)
    assert Path(console.data / "simsim.sqlite3").stat().st_mode & 0o777 == 0o600
