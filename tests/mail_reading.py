"""Emails as their readers get them: parsed by Python's `email`, with HTML as a person or a link scanner reads it."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

from simsim.mail.message import message
from simsim.mail.models import OwedMail

ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+")
VOID = {"meta", "br"}


@dataclass(frozen=True)
class Letter:
    """An email that has arrived."""

    raw: bytes
    parsed: EmailMessage

    @property
    def text(self) -> str:
        return self.body("plain")

    @property
    def html(self) -> str:
        return self.body("html")

    def body(self, kind: str) -> str:
        part = self.parsed.get_body((kind,))
        assert part is not None, kind
        return str(part.get_content()).replace("\r\n", "\n")


def letter(mail: OwedMail) -> Letter:
    """Return the email in its bytes and parsed."""
    made: Any = message(mail).message()
    raw = made.as_bytes(linesep="\r\n")
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return Letter(raw, parsed)


class Read(HTMLParser):
    """The contents of an email's HTML: its words in order, its links with their texts, and its defects."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.faults: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"never closed: {tag}" for tag in self.open]

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append((str(dict(attributes)["href"]), ""))
        if tag == "h2":
            self.headings.append("")
        self.pieces.append("" if tag in {"bdi", "b", "a"} else " ")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"closed out of order: {tag}")

    def handle_data(self, data: str) -> None:
        if {"style", "title"} & set(self.open):
            return
        self.pieces.append(data)
        if "a" in self.open:
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)
        if "h2" in self.open:
            self.headings[-1] += data
