"""The cases for which something must happen first: the log is shipped, an address has failed often, the gate ends."""

import http.client
import json

from conformance_front import CLOSE, LAST, LOGGED, UNKNOWN, Front, case, request
from raw_api import say

FAILURES = 60  # that many from an address are no flood yet
BODY_BYTES = 1000


def send_logged(front: Front) -> int:
    """Send the requests that the cases of the log look for, and return how many."""
    place = f"/{front.name}".encode()
    limited = front.credentials["limited"]
    for headers, line, body in (
        ([front.good], b"GET " + place + b"/plain?password=secret", b""),
        ([front.good], b"GET /status/404" + place, b""),
        ([front.good], b"POST " + place + b"/posted", b""),
        ([front.credentials["revoked"]], b"GET " + place + b"/revoked", b""),
        ([front.credentials["elsewhere"], b"X-Forwarded-For: 192.0.2.9"], b"GET " + place + b"/elsewhere", b""),
        ([limited], b"GET " + place + b"/limited", b""),
    ):
        length = [b"Content-Length: 0"] if line.startswith(b"POST") else []
        front.say(*headers, *length, CLOSE, line=line, body=body)
    # An answer of a known size and duration.
    say(front.port, request(front.good, CLOSE, line=b"GET /stream" + place), silence=2, source=front.source)
    return 7


def logged(name: str, path: str, **expected: object) -> None:
    @case(name, LOGGED)
    def _(front: Front) -> None:
        row = front.row(path)
        assert {key: row[key] for key in expected} == expected


logged("The log has a request once, without its query", "/plain", outcome="accepted", status=200, method="GET")
logged("The log has the API's status", "/status/404", outcome="accepted", reason="ok", status=404)
logged("The log has the method", "/posted", method="POST", status=200)
logged("The log has a refusal with its reason", "/revoked", outcome="refused", reason="revoked", status=401)
logged("The log has 403 for what is beyond the limits", "/limited", outcome="refused", reason="limit", status=403)


@case("The log has the caller's own address, whatever the caller claims", LOGGED)
def _(front: Front) -> None:
    row = front.row("/elsewhere")
    assert (row["address"], row["reason"]) == (front.source, "address_not_allowed")


@case("The log has the duration", LOGGED)
def _(front: Front) -> None:
    assert 0.7 < front.row("/stream")["duration_seconds"] < 20


@case("The log has the size", LOGGED)
def _(front: Front) -> None:
    # Of the body, or of what the proxy sent around it as well.
    assert len("firstlast") <= front.row("/stream")["bytes"] < 1000


@case("Who keeps failing gets 429 with Retry-After, and an active token is still let in", LAST)
def _(front: Front) -> None:
    own = front.source.rpartition(".")[0] + ".200"
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20, source_address=(own, 0))
    name, _, value = UNKNOWN.decode().partition(": ")
    # Each process of the gate counts for itself.
    for _ in range(6 * FAILURES):
        connection.request("GET", "/", headers={name: value})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            break
    assert (answer.status, json.loads(body)["type"]) == (429, "urn:simsim:problem:too-many-failures")
    assert int(answer.headers["Retry-After"]) in {1, 2}
    assert not [name for name in answer.headers if name.lower().startswith("x-simsim")]
    name, _, value = front.good.decode().partition(": ")
    connection.request("GET", "/reached", headers={name: value})
    assert connection.getresponse().status == 200
    connection.close()


@case("While the gate is away: 503 with Retry-After", LAST)
def _(front: Front) -> None:
    answer = front.say(front.good, CLOSE).lower()
    assert answer.startswith(b"http/1.1 503"), answer
    assert b"\r\nretry-after: 1\r\n" in answer
    assert b"content-type: application/problem+json" in answer
    assert b"urn:simsim:problem:undecided" in answer
