"""A real SMTP server on loopback for the tests: takes mail, refuses it, or hangs, recipient by recipient."""

import asyncio
import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """The emails that the server took. `at_recipient` and `at_data` hold its refusals for some addresses."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.at_recipient: dict[str, str] = {}
        self.at_data: dict[str, str] = {}
        self.hangs_for: set[str] = set()
        self.hangs_seconds = 30.0
        self.met = threading.Event()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.at_recipient:
            return self.at_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        (address,) = envelope.rcpt_tos
        self.met.set()
        if address in self.hangs_for:
            await asyncio.sleep(self.hangs_seconds)
        if address in self.at_data:
            return self.at_data[address]
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 taken"

    def recipients(self) -> list[str]:
        # No property: aiosmtpd reads every attribute of its handler at each connection.
        return sorted(str(mail["To"]) for mail in self.mails)


@contextmanager
def serving(port: int) -> Iterator[Mailbox]:
    """Serve on that port for as long as the context lasts."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield box
    finally:
        server.stop()
