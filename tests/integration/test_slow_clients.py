"""Clients that hold connections and do nothing keep nobody from the console, from health or from the gate."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from simsim.console.body_limits import MAX_AWAITED_BODIES, MAX_BODY_BYTES, MAX_BODY_SECONDS
from simsim.operations.connections import MAX_CONNECTIONS
from stack import Stack, started

pytestmark = [pytest.mark.any_database, pytest.mark.covers("R13"), pytest.mark.timeout(600)]
PROMPT_SECONDS = 4  # a couple, and as much again for a machine on which much else runs
HEAD_SECONDS = 10
STALLS = {
    "a body that stops": b"POST /sign-in/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ncsrf",
    "a chunked body that stops": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "a head that stops": b"GET / HTTP/1.1\r\nHost: loc",
    "nothing": b"",
    "a kept-alive connection": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a body of a gate's path": b"POST /gate/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
}

WHOLE = b"POST /sign-in/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\ncsrf"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    gate_port = free_port()
    settings = {"SIMSIM_GATE_LISTEN": f"127.0.0.1:{gate_port}", "SIMSIM_TRUSTED_PROXIES": "127.0.0.9"}
    served = Stack(tmp_path_factory.mktemp("slow"), ON_POSTGRESQL, settings=settings, gateway_port=gate_port)
    with started(served, is_served_only=True):
        yield served


@contextmanager
def connected(port: int, said: bytes, number: int, source: str = "127.0.0.5") -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            client = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
            opened.append(stack.enter_context(client))
            with contextlib.suppress(OSError):  # too many already
                client.sendall(said)
        yield opened


def answer_of(client: socket.socket, seconds: float) -> bytes:
    """Return what was sent until the server closed; raise TimeoutError when it did not."""
    client.settimeout(seconds)
    with contextlib.suppress(ConnectionError):
        return b"".join(iter(lambda: client.recv(65536), b""))
    return b""


def is_prompt(served: Stack) -> bool:
    """Whether somebody else is served at once: sign-in's page, health, and the gate's listener."""
    began = time.monotonic()
    assert served.get("/sign-in/login/", port=served.console_port).status == 200
    assert served.get("/readyz", port=served.console_port).status == 200
    assert served.get("/healthz", port=served.gateway_port).status == 200
    return time.monotonic() - began < PROMPT_SECONDS


@pytest.fixture(scope="module")
def untaken(served: Stack) -> Iterator[tuple[int, list[socket.socket]]]:
    """Clients that ask for a file many times and take nothing of it, and how many bytes that would be."""
    root = served.data / "static"
    file = next(path for path in root.rglob("*.*.css") if path.stat().st_size > 200_000)
    asked = b"GET /static/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % bytes(file.relative_to(root))
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(20)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", served.console_port))
            client.sendall(asked * 50)
        yield 50 * file.stat().st_size, clients


@pytest.mark.usefixtures("untaken")
def test_hundreds_of_stalled_connections_keep_nobody_away_and_are_closed(served: Stack) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        clients = []
        # From as many addresses as there are kinds, so that no bound on one address helps.
        for number, said in enumerate(STALLS.values()):
            source = f"127.0.1.{number}"
            clients += stack.enter_context(connected(served.console_port, said, 200, source))
            clients += stack.enter_context(connected(served.gateway_port, said, 30, source))
            assert is_prompt(served)
        for client in clients:
            answer_of(client, HEAD_SECONDS + 10)
        assert time.monotonic() - began < max(HEAD_SECONDS, MAX_BODY_SECONDS) + 15
    assert is_prompt(served)


def test_one_address_holds_so_many_connections_and_the_active_ones_stay(served: Stack) -> None:
    with connected(served.console_port, STALLS["nothing"], MAX_CONNECTIONS + 50) as silent:
        time.sleep(0.5)
        with connected(served.console_port, STALLS["a kept-alive connection"], 10) as active:
            time.sleep(2)
            closed = 0
            for client in silent:
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    closed += client.recv(1) == b""
            assert 60 <= closed <= 70
            for client in active:
                client.sendall(STALLS["a kept-alive connection"])
                assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_slow_body_is_told_so_and_few_are_awaited_at_once(served: Stack) -> None:
    with connected(served.console_port, STALLS["a body that stops"], MAX_AWAITED_BODIES + 3) as clients:
        statuses = sorted(answer_of(client, 20).split(b" ", 2)[1] for client in clients)
    assert statuses == [b"408"] * MAX_AWAITED_BODIES + [b"429"] * 3
    # Their places are free again.
    with connected(served.console_port, WHOLE, MAX_AWAITED_BODIES) as clients:
        assert {answer_of(client, 20).split(b" ", 2)[1] for client in clients} == {b"403"}  # no CSRF token


def test_body_that_is_too_large_is_refused_while_it_comes(served: Stack) -> None:
    head = b"POST /sign-in/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with connected(served.console_port, head % (50 * MAX_BODY_BYTES), 1) as (client,):
        with contextlib.suppress(ConnectionError):
            client.sendall(bytes(MAX_BODY_BYTES + 1))
        assert b" 413 " in answer_of(client, 5)
    fits = served.get("/sign-in/login/", port=served.console_port, method="POST", body=b"a" * MAX_BODY_BYTES)
    assert fits.status == 403  # no CSRF token: it came to Django


def test_answer_that_nobody_takes_is_given_up(served: Stack, untaken: tuple[int, list[socket.socket]]) -> None:
    whole, clients = untaken
    assert is_prompt(served)
    for client in clients:
        assert len(answer_of(client, 20)) < whole / 2
