"""`simsim gateway --allow-preflight`: a browser's preflight reaches the API without credentials, and nothing else."""

import socket
from collections.abc import Iterator

import pytest

from gateway_front import Api, Front
from preflights import NO_PREFLIGHTS, PREFLIGHT
from simsim.credential.decision import Reason
from simsim.gateway.nginx_program import find_binary
from simsim.request_log.outcome import GatewayCause, Outcome
from simsim.request_log.ship.join import undecided_row
from simsim.request_log.ship.lines import completed_line, parse_completed
from simsim.request_log.ship.plain_lines import plain_completed

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B9", "R17")]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.shutdown()
    api.server_close()


def gateway(folder: pytest.TempPathFactory, api: Api, *options: str) -> Front:
    front = Front(folder.mktemp("preflight"), api.url, options=options)
    front.start(find_binary())
    return front


@pytest.fixture(scope="module")
def open_front(tmp_path_factory: pytest.TempPathFactory, api: Api) -> Iterator[Front]:
    front = gateway(tmp_path_factory, api, "--allow-preflight")
    yield front
    front.stop()


def send(front: Front, method: str, path: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: api", *(f"{name}: {value}" for name, value in headers)]
    if not any(name == "Connection" for name, _ in headers):
        lines.append("Connection: close")
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        if dict(headers).get("Transfer-Encoding"):
            connection.sendall(b"4\r\nbody\r\n0\r\n\r\n")
        return connection.recv(65536)


def test_preflight_reaches_the_api_without_the_gate_and_without_our_names(open_front: Front, api: Api) -> None:
    method, headers = PREFLIGHT
    forged = [("X-Simsim-Account", "evil"), ("X-Simsim-Role", "evil")]
    answer = send(open_front, method, "/preflight?secret=1", [*headers, *forged])
    assert answer.startswith(b"HTTP/1.1 200")
    head = api.head_of(b"/preflight?secret=1")
    assert (head["origin"], head["x-forwarded-for"]) == ([headers[0][1]], ["127.0.0.1"])
    assert not [name for name in head if "simsim" in name]
    assert "/preflight?secret=1" not in [asked.get("x-forwarded-uri") for asked in open_front.asked]


def test_row_of_a_preflight_says_that_it_was_let_in_as_one(open_front: Front) -> None:
    send(open_front, PREFLIGHT[0], "/logged", PREFLIGHT[1])
    open_front.line_about("/logged")
    text = (open_front.directory / "spool" / "gateway.jsonl").read_text()
    (line,) = [line for line in text.splitlines() if '"path":"/logged"' in line]
    assert plain_completed(line) == [None]  # the fast parser leaves it to the other
    end = parse_completed(line)
    assert end
    assert parse_completed(completed_line(end)) == end
    row = undecided_row(end)
    assert (row.outcome, row.reason, row.cause) == (Outcome.ACCEPTED, Reason.OK, GatewayCause.PREFLIGHT)
    assert (row.status, row.method, row.resource, row.account_id) == (200, "OPTIONS", "/logged", None)


@pytest.mark.parametrize("kind", NO_PREFLIGHTS)
def test_whatever_is_no_preflight_is_decided_by_the_gate(open_front: Front, kind: str) -> None:
    method, headers = NO_PREFLIGHTS[kind]
    path = "/tried/" + kind.replace(" ", "-")
    send(open_front, method, path, headers)
    assert path in [asked.get("x-forwarded-uri") for asked in open_front.asked]


def test_without_the_option_the_gate_decides_a_preflight_too(
    tmp_path_factory: pytest.TempPathFactory, api: Api
) -> None:
    front = gateway(tmp_path_factory, api)
    try:
        send(front, PREFLIGHT[0], "/closed", PREFLIGHT[1])
        assert [asked["x-forwarded-uri"] for asked in front.asked if asked["x-forwarded-method"] == "OPTIONS"]
    finally:
        front.stop()
