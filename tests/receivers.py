"""Real receivers of forwarded events on loopback: a webhook that checks signatures, a strict syslog server."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import ipaddress
import json
import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
# RFC 5424, section 6: the header, one element of structured data, and a message in ASCII.
MESSAGE = re.compile(
    rb"<(?P<pri>[1-9][0-9]{0,2})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) "
    rb"(?P<app>[!-~]{1,48}) (?P<procid>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) "
    rb'\[(?P<sd>[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:\\["\\\]]|[^"\\\]\x00-\x1f\x7f])*")*)\]'
    rb" (?P<msg>[ -~]*)"
)
PARAMETER = re.compile(rb' ([^ =]+)="((?:\\["\\\]]|[^"\\\]])*)"')


class Received:
    """The events that a receiver took, in order, and the messages or bodies that they came in."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.messages: list[Any] = []
        self.raw: list[bytes] = []

    def ids(self, kind: str = "request") -> list[str]:
        return [event["id"] for event in list(self.events) if event["kind"] == kind]

    def wait(self, condition: Callable[[], bool], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{len(self.events)} events came"
            time.sleep(0.02)


class Webhook(Received):
    """`status` is what it answers, 400 to events of `refused_kind`.

    `before_answer` is called when it has stored a body and not answered yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = 204
        self.refused_kind = ""
        self.asked: list[str] = []  # the webhook-id of each request, taken or not
        self.last_headers: Any = {}
        self.headers: dict[str, str] = {}
        self.before_answer: Callable[[], None] = lambda: None

    def take(self, headers: Any, body: bytes) -> int:
        prove_signed(headers, body, SECRET)
        self.raw.append(body)
        self.asked.append(headers["webhook-id"])
        self.last_headers = headers
        status = 400 if f'"kind":"{self.refused_kind}"'.encode() in body else self.status
        if 200 <= status < 300:
            self.messages.append((headers["webhook-id"], json.loads(body)))
            self.events += json.loads(body)
        self.before_answer()
        return status


def prove_signed(headers: Any, body: bytes, secret: str) -> None:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert expected in headers["webhook-signature"].split(" ")
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 366 * 86400


@contextlib.contextmanager
def webhook(port: int, box: Webhook | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Webhook]:
    """Take webhooks on that port for as long as the context lasts."""
    taken = box or Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = taken.take(self.headers, body)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in taken.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    with _serving(server, tls):
        yield taken


class Syslog(Received):
    """`dies` makes it close each connection at once, with what it has not read."""

    dies = False

    def take(self, stream: Any) -> None:
        while digits := read_until_space(stream):
            assert re.fullmatch(rb"[1-9][0-9]*", digits), digits
            text = stream.read(int(digits))
            assert len(text) == int(digits)
            found = MESSAGE.fullmatch(text)
            assert found, text
            self.raw.append(text)
            values = {
                name.decode(): re.sub(rb'\\(["\\\]])', rb"\1", value) for name, value in PARAMETER.findall(found["sd"])
            }
            self.messages.append(found.groupdict() | {"facts": values})
            self.events.append(json.loads(found["msg"]))


def read_until_space(stream: Any) -> bytes:
    digits = b""
    while (byte := stream.read(1)) not in (b" ", b""):
        digits += byte
    return digits


@contextlib.contextmanager
def syslog(port: int, box: Syslog | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Syslog]:
    """Take syslog over TCP, or TLS, on that port for as long as the context lasts."""
    taken = box or Syslog()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if not taken.dies:
                taken.take(self.rfile)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def shutdown_request(self, request: Any) -> None:
            # As the system does for a process that dies: a reset for what was not read, else an end.
            request.close()

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with _serving(Server(("127.0.0.1", port), Handler), tls):
        yield taken


@contextlib.contextmanager
def _serving(server: socketserver.TCPServer, tls: ssl.SSLContext | None) -> Iterator[None]:
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(directory: Path, *, address: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for an address; return the file that proves it, and a server's context that has its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    began = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began).not_valid_after(began + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    proof, both = directory / f"{address}.pem", directory / f"{address}.key.pem"
    proof.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(key + proof.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return proof, context


@contextlib.contextmanager
def dripping(port: int) -> Iterator[None]:
    """Answer a byte at a time, each in time for a socket's own patience, without an end."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", port))

    def drip() -> None:
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                while not stop.wait(0.05):
                    peer.send(b"H")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
