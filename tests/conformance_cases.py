"""What whatever stands in front of an API must do: the same named cases for each proxy and each middleware."""

from conformance_front import (
    CLOSE,
    FORGED,
    FRAME,
    NOT_LET_IN,
    UNKNOWN,
    WEBSOCKET,
    Front,
    case,
    identity,
    reached,
    request,
    status_of,
)
from raw_api import PAUSE_SECONDS, TUNNEL, say

IDENTITY = {"x-simsim-account", "x-simsim-token", "x-simsim-token-name"}
OPTIONAL = {"x-simsim-request"}  # the gate's id of a request, which Traefik needs for its log

# Verdicts.


@case("An active token is let in, and the API is told whose it is")
def _(front: Front) -> None:
    said = identity(reached(front.say(front.good, CLOSE)))
    assert said.keys() - OPTIONAL == IDENTITY
    assert (said["x-simsim-account"], said["x-simsim-token-name"]) == (front.account, "of%20the%20caller")


@case("The password never reaches the API")
def _(front: Front) -> None:
    assert not [line for line in reached(front.say(front.good, CLOSE)) if line.startswith("authorization")]


@case("HEAD is answered without a body")
def _(front: Front) -> None:
    answer = front.say(front.good, CLOSE, line=b"HEAD /reached")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


def refused(name: str, status: int, *headers: str | bytes, line: bytes = b"GET /reached") -> None:
    @case(name)
    def _(front: Front) -> None:
        sent = [each if isinstance(each, bytes) else front.credentials[each] for each in headers]
        answer = front.say(*sent, CLOSE, line=line)
        assert status_of(answer) == status, answer
        assert b'"GET ' not in answer
        assert b"x-simsim" not in answer.lower()
        assert b"application/problem+json" in answer


refused("No credentials: 401", 401)
refused("An unknown token: 401", 401, UNKNOWN)
refused("A wrong password: 401", 401, "wrong")
refused("Credentials that are no base64: 401", 401, b"Authorization: Basic ???")
refused("Another scheme: 401", 401, b"Authorization: Digest username=a")
refused("A revoked token: 401", 401, "revoked")
refused("A token for another network: 401", 401, "elsewhere")
refused("The same with a forged X-Forwarded-For: 401", 401, "elsewhere", b"X-Forwarded-For: 192.0.2.9")
refused("The same with a forged Forwarded and X-Real-IP: 401", 401, "elsewhere", b"Forwarded: for=192.0.2.9",
        b"X-Real-IP: 192.0.2.9")  # fmt: skip
refused("A path beyond the token's limits: 403", 403, "limited", line=b"GET /other")
refused("A method beyond the token's limits: 403", 403, "limited", line=b"DELETE /reached")
refused("The same with a forged X-Forwarded-Uri: 403", 403, "limited", b"X-Forwarded-Uri: /reached",
        b"X-Forwarded-Method: GET", b"X-Original-URI: /reached", line=b"GET /other")  # fmt: skip


@case("A request within the token's limits is let in")
def _(front: Front) -> None:
    assert front.status(front.credentials["limited"]) == 200


for trick in (
    b"/reached/../other", b"/reached/%2e%2e/other", b"/reached/..%2fother", b"//reached", b"/reached;/../other",
    b"/reached\\..\\other", b"/./reached/..//other", b"/%72eached/../other",
):  # fmt: skip

    @case(f"A token's limits hold for {trick.decode()}")
    def _(front: Front, trick: bytes = trick) -> None:
        answer = front.say(front.credentials["limited"], CLOSE, line=b"GET " + trick)
        # What is let in must be what the limit names.
        assert status_of(answer) in {400, 403, 404} or reached(answer)[0].split(" ")[1] == "/reached", answer


@case("Two Authorization headers let nobody in as another")
def _(front: Front) -> None:
    answer = front.say(UNKNOWN, front.good, CLOSE)
    assert status_of(answer) in {400, 401} or identity(reached(answer))["x-simsim-account"] == front.account


@case("A refusal has the challenge, and is not to be stored")
def _(front: Front) -> None:
    answer = front.say(CLOSE).lower()
    assert b'\r\nwww-authenticate: basic realm="simsim"' in answer
    assert b"\r\ncache-control: no-store\r\n" in answer


@case("Every refusal with 401 looks the same")
def _(front: Front) -> None:
    bodies = {front.say(header, CLOSE).partition(b"\r\n\r\n")[2]
              for header in (UNKNOWN, front.credentials["revoked"], front.credentials["elsewhere"])}  # fmt: skip
    assert len(bodies) == 1


@case("The API's own errors pass unchanged")
def _(front: Front) -> None:
    for status in (404, 401, 403, 500, 503):
        answer = front.say(front.good, CLOSE, line=b"GET /status/%d" % status)
        assert status_of(answer) == status
        assert b"simsim" not in answer


# Names.

for name in (
    "X-Simsim-Account", "X-Simsim-Token", "X-Simsim-Token-Name", "X-Simsim-Token-Expires", "X-Simsim-Reason",
    "X-Simsim-Request", "x-simsim-role", "X-SIMSIM-ADMIN", "X_Simsim_Account", "X-Simsim_Account", "X_Simsim-Token",
    "x_simsim_role", "X-Simsim", "X-Simsim-",
):  # fmt: skip

    @case(f"The caller's {name} never reaches the API")
    def _(front: Front, name: str = name) -> None:
        forged = name.encode() + b": " + FORGED
        lines = reached(front.say(forged, front.good, forged, CLOSE))
        assert FORGED.decode() not in "".join(lines)
        assert identity(lines)["x-simsim-account"] == front.account


for kind, headers in {
    "names two of our headers": [b"Connection: close, X-Simsim-Account, X-Simsim-Token"],
    "names them in two lines": [b"Connection: close, x-simsim-account", b"Connection: X-SIMSIM-TOKEN-NAME"],
    "names one beside an upgrade": [b"Connection: close, X-Simsim-Token, Upgrade", b"Upgrade: h2c"],
    "names one beside TE": [b"Proxy-Connection: X-Simsim-Account", b"TE: trailers",
                            b"Connection: close, TE, X-Simsim-Account"],
}.items():  # fmt: skip

    @case(f"Connection {kind}: the API still gets all of them")
    def _(front: Front, headers: list[bytes] = headers) -> None:
        said = identity(reached(front.say(front.good, *headers)))
        assert said.keys() - OPTIONAL == IDENTITY
        assert said["x-simsim-account"] == front.account


@case("The API gets no Connection header that names ours")
def _(front: Front) -> None:
    lines = reached(front.say(front.good, b"Connection: close, X-Simsim-Account"))
    assert not [line for line in lines if line.startswith("connection:") and "simsim" in line]


# Tunnels.

for kind, headers in {
    "h2c": [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
    "h2c, websocket": [b"Connection: Upgrade", b"Upgrade: h2c, websocket"],
    "websocket, h2c": [b"Connection: Upgrade", b"Upgrade: websocket, h2c"],
    "h2c and websocket in two lines": [b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket", *WEBSOCKET[2:]],
    "tls/1.0": [b"Connection: Upgrade", b"Upgrade: tls/1.0"],
    "anything": [b"Connection: upgrade", b"Upgrade: anything"],
    "websocket/13": [b"Connection: Upgrade", b"Upgrade: websocket/13"],
    "a control character": [b"Connection: Upgrade", b"Upgrade: \x0bwebsocket"],
    "h2c without Connection": [b"Upgrade: h2c"],
}.items():

    @case(f"Upgrade with {kind} becomes no tunnel")
    def _(front: Front, headers: list[bytes] = headers) -> None:
        # The API behind a proxy changes protocols without being asked to, too.
        token = b"tls/1.0" if b"tls" in b"".join(headers) else b"h2c"
        answer = front.say(front.good, *headers, line=b"GET /switch/" + token, then=b"smuggled\n", seconds=3)
        assert TUNNEL not in answer


@case("The API gets no Upgrade: h2c")
def _(front: Front) -> None:
    answer = front.say(front.good, b"Connection: Upgrade", b"Upgrade: h2c", seconds=3)
    assert b'"upgrade: h2c' not in answer.lower()


@case("POST becomes no WebSocket")
def _(front: Front) -> None:
    answer = front.say(front.good, *WEBSOCKET, b"Content-Length: 2", line=b"POST /switch/websocket", body=b"ab",
                       then=FRAME, seconds=3)  # fmt: skip
    assert TUNNEL not in answer


@case("A WebSocket is carried both ways")
def _(front: Front) -> None:
    # Envoy may have kept a connection on which the API changed protocols unasked, in a case above; what is sent on it
    # fails, and closes it.
    for _ in range(5):
        answer = front.say(front.good, *WEBSOCKET, line=b"GET /switch/websocket", then=FRAME)
        if not answer.startswith(b"HTTP/1.1 502"):
            break
    assert answer.startswith(b"HTTP/1.1 101"), answer
    assert answer.endswith(TUNNEL + b"hello"), answer


@case("A WebSocket without credentials is refused")
def _(front: Front) -> None:
    assert status_of(front.say(*WEBSOCKET, line=b"GET /switch/websocket")) in {401, 403}


# Requests that are no good.

for kind, line, headers, body in (
    ("strange bytes in the path", b"GET /\xff\xfe", [], b""),
    ("strange bytes in X-Forwarded-For", b"GET /reached", [b"X-Forwarded-For: \xff, 1.2.3.4"], b""),
    ("strange bytes in Authorization", b"GET /reached", [b"Authorization: \xff"], b""),
    ("150 headers", b"GET /reached", [b"X-Filler-%d: x" % number for number in range(150)], b""),
    ("CONNECT", b"CONNECT api:443", [], b""),
    ("TRACE", b"TRACE /reached", [], b""),
    ("OPTIONS without a path", b"OPTIONS *", [], b""),
    ("a control character in a header", b"GET /reached", [b"User-Agent: a\x01b"], b""),
    ("the gate's path", b"GET /gate/verify", [], b""),
    ("nginx's own path", b"GET /.simsim/ask", [], b""),
    ("another request's method, path and id", b"GET /reached",
     [b"X-Forwarded-Uri: /other", b"X-Forwarded-Method: HEAD", b"X-Request-Id: " + b"0" * 32], b""),
    ("two lengths of one body", b"POST /reached", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    ("a target with a host", b"GET http://api.example.com/reached", [], b""),
):  # fmt: skip

    @case(f"Without credentials, {kind} opens nothing")
    def _(front: Front, line: bytes = line, headers: list[bytes] = headers, body: bytes = body) -> None:
        answer = front.say(*headers, CLOSE, line=line, body=body)
        is_answered_here = line == b"OPTIONS *" and answer.endswith(b"\r\n\r\n")
        assert is_answered_here or status_of(answer) in NOT_LET_IN, answer
        assert b'"GET ' not in answer
        assert b"x-simsim" not in answer.lower()


@case("150 headers with credentials are let in, or called too many")
def _(front: Front) -> None:
    many = [b"X-Filler-%d: x" % number for number in range(150)]
    assert front.status(front.good, *many) in {200, 400, 431}


# Bodies.


@case("A chunked body passes")
def _(front: Front) -> None:
    reached(front.say(front.good, CLOSE, b"Transfer-Encoding: chunked", line=b"POST /reached",
                      body=b"3\r\nabc\r\n0\r\n\r\n"))  # fmt: skip


@case("No header of ours comes as a trailer")
def _(front: Front) -> None:
    answer = front.say(front.good, CLOSE, b"Transfer-Encoding: chunked", b"Trailer: X-Simsim-Account",
                       line=b"POST /reached",
                       body=b"3\r\nabc\r\n0\r\nX-Simsim-Account: " + FORGED + b"\r\n\r\n")  # fmt: skip
    assert FORGED not in answer


@case("An answer streams: its first part comes before its last")
def _(front: Front) -> None:
    first = front.say(front.good, line=b"GET /stream", silence=PAUSE_SECONDS / 2)
    assert b"first" in first
    assert b"last" not in first


@case("A request streams: the API reads its first part before its last is sent")
def _(front: Front) -> None:
    head = request(front.good, CLOSE, b"Transfer-Encoding: chunked", line=b"POST /upload", body=b"3\r\nabc\r\n")
    answer = say(front.port, head, b"0\r\n\r\n", seconds=1.5, source=front.source)
    body = answer.partition(b"\r\n\r\n")[2]
    seconds = max(float(word) for word in body.split() if b"." in word)
    assert seconds > 0.5, answer
