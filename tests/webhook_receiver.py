"""A customer's receiver of webhooks: HTTPS on loopback, verified with the specification's own library."""

import contextlib
import http.server
import json
import random
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

import tls_files


class Receiver:
    """What a receiver got, and how it answers: `status`, or what `answer` says for a request."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.is_any_time = False  # whether it takes messages of a test that moves the clock
        self.status = 204
        self.headers: dict[str, str] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.taken: Counter[str] = Counter()  # the ids of the messages that were answered with 2xx
        self.asked: list[str] = []  # the ids of all requests
        self.documents: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.raw: list[tuple[bytes, dict[str, str]]] = []
        self.hosts: list[str] = []
        self.signatures: list[str] = []
        self.forged = 0
        self._lock = threading.Lock()

    def take(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> int:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        try:
            document = verified(self.secrets, body, headers, is_any_time=self.is_any_time)
        except WebhookVerificationError:
            self.forged += 1
            return 401
        assert document["id"] == headers["webhook-id"]
        status = self.decide()
        with self._lock:
            self.asked.append(document["id"])
            self.paths.append(handler.path)
            self.raw.append((body, headers))
            self.hosts.append(headers["host"])
            self.signatures.append(headers["webhook-signature"])
            if 200 <= status < 300:
                self.taken[document["id"]] += 1
                self.documents.append(document)
        self.before_answer()
        return status

    def decide(self) -> int:
        return self.status

    def types(self) -> list[str]:
        return [document["type"] for document in self.documents]


class Unreliable(Receiver):
    """It fails one request in five, and does not answer one in twenty for `hang_seconds`."""

    def __init__(self, hang_seconds: float) -> None:
        super().__init__()
        self.hang_seconds, self._random = hang_seconds, random.Random(7)  # the same failures in each run

    def decide(self) -> int:
        with self._lock:
            drawn = self._random.random()
        if drawn < 0.05:
            time.sleep(self.hang_seconds)
        return 500 if 0.05 <= drawn < 0.25 else 204


def verified(secrets: list[str], body: bytes, headers: dict[str, str], *, is_any_time: bool = False) -> Any:
    """Return the document as the library verifies it with one of the secrets; raise its error."""
    failure = WebhookVerificationError("the receiver has no secret")
    for secret in secrets:
        try:
            if not is_any_time:
                return Webhook(secret).verify(body, headers)
            signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            if Webhook(secret).sign(headers["webhook-id"], signed_at, body.decode()) in headers["webhook-signature"]:
                return json.loads(body)
        except WebhookVerificationError as error:
            failure = error
    raise failure


@contextlib.contextmanager
def receiving(port: int, receiver: Receiver, certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """Serve on that port, over TLS with a certificate, for as long as the context lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(self, body)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def finish_request(self, request: Any, client_address: Any) -> None:
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                if context is not None:
                    request = stack.enter_context(context.wrap_socket(request, server_side=True))
                socketserver.TCPServer.finish_request(self, request, client_address)

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def own_certificate(directory: Path) -> tuple[Path, Path]:
    """Return the files of a certificate for 127.0.0.1 and localhost, and of its key."""
    return tls_files.make(directory, "receiver")
