"""A server that gives the answers of a script, one to each request, and keeps the requests."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

DROP = 0  # instead of a status: read the request, and close the connection without an answer


@dataclass
class Heard:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """`answers` are (status, document, headers); the last one is given again and again."""

    answers: list[tuple[int, Any, dict[str, str]]]
    port: int = 0
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(status: int, document: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    return status, document, {name.replace("_", "-"): value for name, value in headers.items()}


def problem(status: int, slug: str = "it", **headers: str) -> tuple[int, Any, dict[str, str]]:
    document = {"type": f"https://c.example/problems.html#{slug}", "title": "T", "status": status, "detail": "D"}
    return answer(status, document, **{"Content_Type": "application/problem+json"} | headers)


@contextmanager
def scripted(*answers: tuple[int, Any, dict[str, str]]) -> Iterator[Script]:
    script = Script(list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.heard.append(Heard(self.command, self.path, dict(self.headers), body))
            status, document, headers = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status == DROP:
                self.close_connection = True
                return
            written = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(written) if status != 204 else 0))
            self.end_headers()
            if status != 204:
                self.wfile.write(written)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        script.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield script
        finally:
            server.shutdown()
