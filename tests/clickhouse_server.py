"""ClickHouse's HTTP interface in front of its embedded edition (chdb), which has none: `clickhouse_server.py FOLDER`.

One process may use the engine's folder. This one prints its port, and serves until its standard input ends.
"""

import http.server
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# Parameters of the HTTP interface itself, which are no settings of a query.
NOT_SETTINGS = {
    "query", "database", "session_id", "query_id", "client_protocol_version", "default_format", "compress",
    "wait_end_of_query", "enable_http_compression", "role",
}  # fmt: skip
_format = re.compile(r"\s+FORMAT\s+(\w+)\s*\Z", re.IGNORECASE)
# A statement that is followed by its data.
_insert = re.compile(rb"INSERT\s+INTO\s+([^\n]*)\s+FORMAT\s+(\w+)\n", re.IGNORECASE)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one client; the engine is asked by one thread at a time."""

    protocol_version = "HTTP/1.1"
    engine: Any
    turn = threading.Lock()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = dict(parse_qsl(urlsplit(self.path).query))
        options = {name: value for name, value in asked.items() if name not in NOT_SETTINGS}
        try:
            if found := _insert.match(body):
                self.insert(found[1].decode(), found[2].decode(), body[found.end() :], options)
                self.reply(200, b"")
            else:
                self.reply(200, self.run(asked.get("query") or body.decode(), asked, options))
        except RuntimeError as error:
            self.reply(500, str(error).encode())

    def chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def insert(self, into: str, form: str, data: bytes, options: dict[str, str]) -> None:
        chosen = ", ".join(f"{name} = '{value}'" for name, value in options.items())
        with self.turn, self.engine.send_insert(f"INSERT INTO {into} SETTINGS {chosen}", form) as insertion:
            insertion.append(data)
            insertion.finish()

    def run(self, query: str, asked: dict[str, str], options: dict[str, str]) -> bytes:
        chosen = ", ".join(f"{name} = '{value}'" for name, value in options.items())
        form = asked.get("default_format", "TabSeparated")
        if named := _format.search(query):
            query, form = query[: named.start()], named[1]
        if chosen and re.match(r"\s*(SELECT|WITH)\b", query, re.IGNORECASE):
            query = f"{query} SETTINGS {chosen}"
        with self.turn:
            return bytes(self.engine.query(query, form).bytes() or b"")

    def reply(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-ClickHouse-Server-Display-Name", "embedded")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", "1")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Gives each connection its own thread."""

    daemon_threads = True


def serve(folder: str) -> None:
    from chdb import session

    make_engine: Any = session.Session
    Handler.engine = make_engine(folder)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    with Handler.turn:
        Handler.engine.close()


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """Run the server on its own folder, and yield its port."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=30)


if __name__ == "__main__":
    serve(sys.argv[1])
