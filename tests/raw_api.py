"""An API that returns the bytes that have reached it, and changes protocols whenever it is asked to."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

TUNNEL = b"behind the gate: "
# To the key that stands in RFC 6455, section 1.2.
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
PAUSE_SECONDS = 0.4
PIECES = (b"first", b"last")


class Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.answer():
            pass

    def answer(self) -> bool:
        """Answer one request with its head as a JSON list of lines, or as its path asks."""
        lines = [line.rstrip(b"\r\n") for line in takewhile(lambda line: line != b"\r\n", self.rfile)]
        if not lines:
            return False
        target = lines[0].split(b" ")[1]
        if target.startswith(b"/switch/"):
            self.switch(target.removeprefix(b"/switch/"))
            return False
        began = time.monotonic()
        lines += self.body_and_trailers(lines)
        if target.startswith(b"/status/"):
            self.wfile.write(b"HTTP/1.1 %s Chosen\r\nContent-Length: 0\r\n\r\n" % target.removeprefix(b"/status/")[:3])
        elif target.startswith(b"/stream"):
            self.stream()
        elif target.startswith(b"/upload"):
            self.send(json.dumps(time.monotonic() - began).encode())
        else:
            self.send(
                json.dumps([line.decode("latin-1") for line in lines]).encode(), has_body=lines[0][:5] != b"HEAD "
            )
        return True

    def send(self, body: bytes, *, has_body: bool = True) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body if has_body else b""))

    def stream(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in PIECES:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(PAUSE_SECONDS)
        self.wfile.write(b"0\r\n\r\n")

    def switch(self, token: bytes) -> None:
        """Change to the protocol: a tunnel of lines, or for a WebSocket of frames below 126 bytes."""
        self.wfile.write(SWITCHING % token)
        if token != b"websocket":
            while said := self.rfile.readline():
                self.wfile.write(TUNNEL + said)
        while len(head := self.rfile.read(6)) == 6 and head[0] & 15 == 1:
            masked = self.rfile.read(head[1] & 127)
            said = TUNNEL + bytes(byte ^ head[2 + index % 4] for index, byte in enumerate(masked))
            self.wfile.write(bytes([129, len(said)]) + said)

    def body_and_trailers(self, lines: list[bytes]) -> list[bytes]:
        """Read the body; return the lines after it."""
        if any(line.lower() == b"transfer-encoding: chunked" for line in lines):
            return list(self.trailers())
        length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        self.rfile.read(length)
        return []

    def trailers(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            self.rfile.read(size + 2)
        while line := self.rfile.readline().rstrip(b"\r\n"):
            yield line


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def raw_api(port: int) -> Iterator[None]:
    with Server(("127.0.0.1", port), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def say(port: int, *parts: bytes, seconds: float = 10, silence: float = 0.3, source: str = "127.0.0.1") -> bytes:
    """Return the answer to these bytes, until the other end closes or is silent for a moment."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0)) as client:
        got = b""
        for part in parts:
            client.sendall(part)
            got += first_of(client, seconds, silence)
            seconds = min(seconds, 1.5)
        return got


def first_of(client: socket.socket, seconds: float, silence: float) -> bytes:
    client.settimeout(seconds)
    got = b""
    try:
        while data := client.recv(65536):
            got += data
            client.settimeout(silence)
    except (TimeoutError, ConnectionError):
        pass
    return got
