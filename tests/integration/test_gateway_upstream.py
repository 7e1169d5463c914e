"""An API behind a name: it is found where the name leads now, and no address that answers is left out."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_front import Api, Front
from postgresql_server import free_port
from simsim.gateway.nginx_program import packaged_binary, system_binary

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9")]

# The far end of the gateway's resolver: names as a file says at that moment.
RESOLVER = """
import json, os, socket
asked = socket.getaddrinfo
def answered(host, port, *arguments, **options):
    known = json.load(open(os.environ["NAMES_OF_TESTS"])).get(host)
    if known is None:
        return asked(host, port, *arguments, **options)
    if not known:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")
    return [found for address in known for found in asked(address, port, *arguments, **options)]
socket.getaddrinfo = answered
"""


class Named(Front):
    """A gateway before api.test, whose addresses the test chooses."""

    def lead(self, *addresses: str) -> None:
        names = self.directory / "names.json"
        names.with_suffix(".new").write_text(json.dumps({"api.test": addresses}))
        names.with_suffix(".new").replace(names)

    def status(self) -> int:
        return self.get()[0]


@pytest.fixture(scope="module", params=["system", "packaged"])
def named(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    binary = system_binary() if request.param == "system" else packaged_binary()
    assert binary is not None
    directory = tmp_path_factory.mktemp(f"named-{request.param}")
    resolver = directory / "resolver"
    resolver.mkdir()
    (resolver / "sitecustomize.py").write_text(RESOLVER)
    port = free_port()
    settings = {"PYTHONPATH": str(resolver), "NAMES_OF_TESTS": str(directory / "names.json")}
    started = Named(directory, f"http://api.test:{port}", settings, api_port=port)
    started.lead("127.0.0.4", "127.0.0.5")
    started.start(binary)
    yield started
    started.stop()


def test_api_that_comes_back_is_reached_at_once_and_again_and_again(named: Named) -> None:
    assert {named.status() for _ in range(6)} == {502}
    api = Api("127.0.0.5", named.api_port)
    try:
        # One of the two addresses goes on refusing, as ::1 of a localhost does where the API listens on 127.0.0.1.
        assert {named.status() for _ in range(12)} == {200}
    finally:
        api.shutdown()
        api.server_close()


def test_api_that_moves_is_followed_and_running_requests_continue(named: Named) -> None:
    named.lead("127.0.0.4")
    before, after = Api("127.0.0.4", named.api_port), Api("127.0.0.6", named.api_port)
    try:
        wait_for_200(named)
        with socket.create_connection(("127.0.0.1", named.port), timeout=5) as under_way:
            key = b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
            lines = (b"Host: x", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", key)
            under_way.sendall(b"\r\n".join([b"GET /tunnel HTTP/1.1", *lines, b"Authorization: 204", b"", b""]))
            assert under_way.recv(4096).startswith(b"HTTP/1.1 101")
            named.lead("127.0.0.6")
            wait_for_head(named, after)
            # A name that can't be resolved for a while leads where it led.
            named.lead()
            time.sleep(2.5)
            assert named.status() == 200
            under_way.sendall(b"GET /frame HTTP/1.1\r\n\r\n")
            assert under_way.recv(4096).startswith(b"HTTP/1.1 200")
        # Where it began, and not where the name leads now.
        assert b"/frame" not in [head.split(b" ")[1] for head in after.heads]
    finally:
        for api in (before, after):
            api.shutdown()
            api.server_close()


def wait_for_200(named: Named) -> None:
    deadline = time.monotonic() + 20
    while named.status() != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait_for_head(named: Named, api: Api) -> None:
    deadline = time.monotonic() + 20
    while not api.heads:
        assert named.status() in {200, 502}
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_unknown_name_is_reported_in_one_line(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("simsim")), "gateway", "--upstream", "http://nowhere.invalid:9"]
    environment = os.environ | {"SIMSIM_DATA_DIR": str(tmp_path), "SIMSIM_DATABASE_URL": "sqlite:///unused"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere.invalid" in done.stderr
