"""Compares the path that the gate decides on with the path that reaches the API, for many paths.

A token with the limit `/**` may request every path that has a normal form. So each request either reaches the API, with
the path that the gate has noted for it, or does not reach it.
"""

import functools
import http.client
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from hypothesis import HealthCheck, Phase, given, settings

from documented_proxies import StackWithProxies
from gate_database import Database
from gate_database import basic as authorization
from postgresql_server import free_port
from raw_api import raw_api
from request_paths import PIECES, TRICKS, targets
from settings_for_tests import ON_POSTGRESQL
from simsim.credential.request_path import normal_path
from stack import BIN, basic

EVERY_PATH = "/**"
MAX_DRAWN = 2_000
START_SECONDS = 90
SERVED = """
import json
from ipaddress import ip_network
from pathlib import Path
from simsim.credential.allowlist import pack
from simsim.gate.app import Gate
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import ENDS, Spool
from simsim.middleware import SimsimASGI, SimsimWSGI

def build():
    folder = Path({spool!r})
    return Gate(SqliteLookup(Path({database!r})), Spool(folder)), Spool(folder, stem=ENDS)

async def plain_asgi(scope, receive, send):
    body = json.dumps({{"path": scope["path"]}}).encode()
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})

def plain_wsgi(environ, start_response):
    path = (environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]).encode("latin-1").decode()
    body = json.dumps({{"path": path}}).encode()
    start_response("200 OK", [("content-length", str(len(body)))])
    return [body]

gate, ends = build()
asgi = SimsimASGI(plain_asgi, gate=gate, ends=ends)
wsgi = SimsimWSGI(plain_wsgi, build=build)
"""


class Arrival(NamedTuple):
    """A request that reached the API: its id, and its target or, from an application, its decoded path."""

    request_id: str
    target: str = ""
    path: str = ""


@functools.cache
def drawn_targets(number: int) -> list[str]:
    """Return the tricks that a client can send, and so many generated targets, the same ones each time.

    Hypothesis draws the first ones; it would take minutes for a hundred thousand.
    """
    found = [trick for trick in TRICKS if trick.startswith("/") and " " not in trick]

    @settings(
        max_examples=min(number, MAX_DRAWN),
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(targets)
    def draw(target: str) -> None:
        found.append(target)

    draw()
    chance = random.Random(number)
    while len(found) < number:
        segments = ("".join(chance.choices(PIECES, k=chance.randrange(4))) for _ in range(chance.randrange(1, 6)))
        found.append("/" + "/".join(segments))
    return found


def arrivals(
    connect: Callable[[], http.client.HTTPConnection],
    headers: Mapping[str, str],
    sent: Iterable[str],
    read: Callable[[bytes], Arrival],
) -> Iterator[tuple[str, Arrival | None]]:
    """Send each target; yield it with what reached the API, None if nothing did."""
    connection = connect()
    for target in sent:
        for attempt in (1, 2):
            try:
                connection.putrequest("GET", target, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders()
                answer = connection.getresponse()
                body = answer.read()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                if attempt == 2:
                    raise
        if answer.will_close:
            connection.close()
        yield target, read(body) if answer.status == 200 else None
    connection.close()


def noted_paths(spool: Path, token_id: str) -> dict[str, str]:
    """Return the path of each request that was let in with the token, by its id, in the order of the decisions."""
    texts = [path.read_text() for path in spool.glob("gate-*")]
    lines = [json.loads(line) for text in texts for line in text.splitlines() if '"cause"' in line]
    ours = sorted((line for line in lines if line["reason"] == "ok" and line["token"] == token_id), key=at)
    return {line["id"]: line["path"] for line in ours}


def at(line: Mapping[str, float]) -> float:
    return line["at"]


def prove_equal_views(found: Iterable[tuple[str, Arrival | None]], spool: Path, token_id: str) -> tuple[int, int]:
    """Fail for a request whose gate and API saw different paths; return how many arrived, and how many did not.

    Whatever has a normal form must arrive: the gate's view is not equal by refusing everything.
    """
    seen = list(found)
    noted = noted_paths(spool, token_id)
    in_order = iter(noted.values())
    for target, arrival in seen:
        if arrival is None:
            continue
        # Caddy and an application are not told the id. One client sends one request after the other.
        view = normal_path(noted[arrival.request_id] if arrival.request_id else next(in_order))
        assert view is not None, target
        if arrival.target:
            assert normal_path(arrival.target) == view, (target, arrival, view)
        else:
            assert arrival.path == unquote(view, errors="strict"), (target, arrival, view)
    assert len(noted) == sum(arrival is not None for _, arrival in seen)
    refused = [target for target, arrival in seen if arrival is None]
    assert not [target for target in refused if normal_path(target) is not None]
    return len(seen) - len(refused), len(refused)


def read_head(body: bytes) -> Arrival:
    """Return what `raw_api` has answered: the head that reached it."""
    line, *lines = json.loads(body)
    given = dict(each.split(": ", 1) for each in lines if ": " in each)
    by_name = {name.lower(): value for name, value in given.items()}
    return Arrival(by_name.get("x-request-id", "").replace("-", ""), target=line.split(" ")[1])


def read_path(body: bytes) -> Arrival:
    """Return what an application of ours has answered: the path that it got."""
    return Arrival("", path=json.loads(body)["path"])


@contextmanager
def proxied(folder: Path, makes: Iterable[str]) -> Iterator[StackWithProxies]:
    """Run our gateway and the documented proxies before the gate, and an API that answers what has reached it."""
    stack = StackWithProxies(folder, ON_POSTGRESQL)
    with raw_api(stack.api_port):
        try:
            stack.start_serving()
            for make in makes:
                stack.start_proxy(make)
            upstream, listen = f"http://127.0.0.1:{stack.api_port}", f"127.0.0.1:{stack.gateway_port}"
            stack.spawn("gateway", BIN / "simsim", "gateway", "--upstream", upstream, "--listen", listen)
            stack.wait_until(lambda: stack.get("/").status == 401, "the gateway answers")
            stack.ports["gateway"] = stack.gateway_port
            yield stack
        finally:
            stack.stop()


def prove_proxy(stack: StackWithProxies, make: str, number: int) -> tuple[int, int]:
    """Compare the views of the gate and of the API behind a proxy; return how many requests arrived, and did not."""
    token = stack.create_token(f"Behind {make}", "--limit", EVERY_PATH)
    found = arrivals(
        lambda: http.client.HTTPConnection("127.0.0.1", stack.ports[make], timeout=10),
        basic((token["username"], token["password"])),
        drawn_targets(number),
        read_head,
    )
    return prove_equal_views(found, stack.data / "spool", token["id"])


def prove_middleware(interface: str, folder: Path, number: int) -> tuple[int, int]:
    """Compare the views of the gate in a middleware and of its application, behind a real server."""
    database = Database(folder / "simsim.sqlite3")
    password, port = database.add(limits=(f"* {EVERY_PATH}",)), free_port()
    with served(interface, folder, database.path, port):
        found = arrivals(
            lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=10),
            {"Authorization": authorization(password).decode()},
            drawn_targets(number),
            read_path,
        )
        counts = prove_equal_views(found, folder / "spool", database.token_id(password))
    database.close()
    return counts


@contextmanager
def served(interface: str, folder: Path, database: Path, port: int) -> Iterator[None]:
    """Run the application behind a real server."""
    (folder / "spool").mkdir()
    (folder / "served_views.py").write_text(SERVED.format(spool=str(folder / "spool"), database=str(database)))
    place = ["--host", "127.0.0.1", "--port", str(port), "--no-ws", "--http", "1", "--log-level", "error"]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", interface, *place, "--working-dir", str(folder),
         "--blocking-threads", "1", f"served_views:{interface}"]
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
