"""A process of the demo that catches every email and shows it: `python -m simsim.demo.mail_catcher --help`."""

import argparse
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from simsim.demo import mail_page, mailbox
from simsim.demo.installation import LOOPBACK

HTML = "text/html; charset=utf-8"


class Catcher:
    """The handler that aiosmtpd calls for each message."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        mailbox.keep(self.directory, raw, [str(address) for address in envelope.rcpt_tos])
        return "250 Accepted"


class Pages(BaseHTTPRequestHandler):
    """The pages: the list, an email, an email's HTML, the style sheet, and /messages.json."""

    directory: ClassVar[Path]
    hosts: ClassVar[frozenset[str]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond only if the Host header names this host: another host means DNS rebinding by a foreign page."""
        if self.headers.get("Host") not in self.hosts:
            self.answer(421, "text/plain", "Misdirected request\n")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self.answer(200, HTML, mail_page.list_page(mailbox.mails(self.directory)))
        elif path == "/messages.json":
            self.answer(200, "application/json", json.dumps(mailbox.mails(self.directory), ensure_ascii=False))
        elif path == "/style.css":
            self.answer(200, "text/css; charset=utf-8", mail_page.STYLE)
        else:
            self.answer_mail(path)

    do_HEAD = do_GET  # noqa: N815 - the name is the base class's

    def answer_mail(self, path: str) -> None:
        mail_id, _, form = path.removeprefix("/messages/").partition("/")
        mail = mailbox.find(self.directory, mail_id) if path.startswith("/messages/") else None
        if mail is not None and form == "":
            self.answer(200, HTML, mail_page.mail_page(mail))
        elif mail is not None and form == "html":
            self.answer(200, HTML, mail_page.framed(mail["html"]), policy=mail_page.MAIL_POLICY)
        else:
            self.answer(404, HTML, mail_page.page("Not found", '<h1>Not found</h1><a href="/">All mail</a>'))

    def answer(self, status: int, media_type: str, body: str, *, policy: str = mail_page.POLICY) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because log lines would clutter the demo's terminal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the pages")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="where to keep the emails")
    given = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGINT}
    # Block the signals before the threads start, which inherit the mask: the signals then wait for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    Pages.directory = given.directory
    Pages.hosts = frozenset({f"{LOOPBACK}:{given.port}", f"localhost:{given.port}"})
    pages = ThreadingHTTPServer((LOOPBACK, given.port), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    smtp = Controller(Catcher(given.directory), hostname=LOOPBACK, port=given.smtp_port)
    smtp.start()
    signal.sigwait(signals)
    smtp.stop()
    pages.shutdown()


if __name__ == "__main__":
    main()
