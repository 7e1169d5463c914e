"""An API that returns the bytes that have reached it, and changes protocols whenever it is asked to."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

TUNNEL = b"behind the gate: "
# To the key that stands in RFC 6455, section 1.2.
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.answer():
            pass

    def answer(self) -> bool:
        """Answer one request with its head as a JSON list of lines; /switch/TOKEN with 101 and a tunnel."""
        lines = [line.rstrip(b"\r\n") for line in takewhile(lambda line: line != b"\r\n", self.rfile)]
        if not lines:
            return False
        target = lines[0].split(b" ")[1]
        if target.startswith(b"/switch/"):
            token = target.removeprefix(b"/switch/")
            self.wfile.write(SWITCHING % token)
            while said := self.rfile.readline():
                self.wfile.write(TUNNEL + said)
            return False
        chunked = any(line.lower() == b"transfer-encoding: chunked" for line in lines)
        length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        trailers = list(self.trailers()) if chunked else []
        self.rfile.read(length)
        body = json.dumps([line.decode("latin-1") for line in (*lines, *trailers)]).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return True

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


def say(port: int, *parts: bytes, seconds: float = 10) -> bytes:
    """Return the answer to these bytes, until the other end closes or is silent for a moment."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        got = b""
        for part in parts:
            client.sendall(part)
            got += first_of(client, seconds)
            seconds = 1
        return got


def first_of(client: socket.socket, seconds: float) -> bytes:
    client.settimeout(seconds)
    got = b""
    try:
        while data := client.recv(65536):
            got += data
            client.settimeout(0.3)
    except (TimeoutError, ConnectionError):
        pass
    return got
