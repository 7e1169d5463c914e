"""A mail as it is sent: text and HTML from its kind's folder, headers that no fact can write into."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string

from simsim.credential.password import mask
from simsim.mail.models import OwedMail
from simsim.mail.sender import FALLBACK_DOMAIN, UnusableSender, ascii_domain, parse_sender
from simsim.mail.time_left import end_of, time_left

MAX_SUBJECT_LENGTH = 120
# The first that lets the whole subject fit is taken: cut at its end, a subject would lose what happened.
MAX_NAME_LENGTHS = (60, 40, 30, 20)
NAMES_IN_SUBJECTS = ("token_name", "account", "asker")
EXPIRED_BEFORE = "the token had expired before"
# Facts in somebody's own words, of several lines; every other text is one line, as a name must be.
OWN_WORDS = {"purpose"}
# Controls, separators and what can't be encoded. U+2028 and its like end a header line for some parsers (T8).
UNWRITABLE = {"Cc", "Zl", "Zp", "Cs"}
# Overrides and isolates let a name read as another one, and turn round the sentence that it stands in.
DIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What mail programs make a link of by themselves.
_scheme = re.compile(r"([a-z][a-z0-9+.-]*:)(?=//)|\b(www)(?=\.)", re.IGNORECASE)
_line_end = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class Unwritable(ValueError):
    """The mail can't be written, whoever tries: its recipient is no address, or its subject not one line."""


class Untrue(Exception):
    """What the mail would say is not so at the time when it would be sent."""


class Letter(EmailMultiAlternatives):
    """A mail that any server takes: seven bits, short lines, and a subject that arrives letter for letter."""

    def message(self, **options: Any) -> Any:
        # Not as 8-bit: a server need not take it, and a line of it may be longer than the 998 bytes of RFC 5322.
        self.encoding = Charset("utf-8")
        self.encoding.body_encoding = QP
        made = super().message(**options)
        made.replace_header("Subject", encoded_subject(str(self.subject)))
        return made


def message(mail: OwedMail, now: datetime | None = None) -> EmailMessage:
    """Return the mail as it is sent at that time: text and HTML of its kind's folder, or as the backend was given it.

    Without a time it is as it was to be sent when it was owed. Raises Unwritable; Untrue where it would not be true
    then; UnusableSender where the settings name none.
    """
    now = now or mail.owed_at
    sender = parse_sender(settings.DEFAULT_FROM_EMAIL)
    if sender is None:
        raise UnusableSender("SIMSIM_EMAIL_FROM names no address that mail can be sent from")
    subject, text, html = content(mail, now)
    if "\n" in subject or "\r" in subject:
        raise Unwritable("the subject is not one line")
    sent = Letter(
        subject,
        text,
        sender.header,
        [parse_address(mail.recipient)],
        headers={
            "Message-ID": message_id(mail),
            "Date": format_datetime(now.astimezone(UTC)),
            "Auto-Submitted": "auto-generated",
        },
        reply_to=reply_to(mail),
    )
    if html:
        sent.attach_alternative(html, "text/html")
    return sent


def content(mail: OwedMail, now: datetime) -> tuple[str, str, str]:
    """Return the subject, the text and the HTML; raise Untrue."""
    if mail.kind == "ready_made":
        return mail.facts["subject"], mail.facts["text"], mail.facts["html"]
    context = (
        shown(mail.facts) | as_of(mail, now) | {"recipient": mail.recipient, "base_url": settings.OPERATOR.base_url}
    )
    subject = subject_of(mail.kind, context)
    context["subject"] = subject
    text = render_to_string(f"mail/{mail.kind}/text.txt", context)
    return subject, text, render_to_string(f"mail/{mail.kind}/html.html", context)


def as_of(mail: OwedMail, now: datetime) -> dict[str, int]:
    """Return the facts that hang on when the mail is sent; raise Untrue."""
    end = end_of(mail.facts)
    if end is None:
        return {}
    if mail.kind == "token_expired" and now < end:
        raise Untrue("the token has not expired")
    if mail.kind == "token_expiring" and now >= end:
        raise Untrue(EXPIRED_BEFORE)
    return time_left(end - now)


def shown(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts as a mail may show them, whatever an older row holds."""
    return {name: readable(fact, own_words=name in OWN_WORDS) for name, fact in facts.items()}


def readable(fact: object, *, own_words: bool = False) -> object:
    """Return a fact without what misleads: no second line in a name, no turned text, no link but to the console.

    A password that somebody wrote into a name or a request is masked: a mail is kept in many places.
    """
    if isinstance(fact, list):
        return [readable(each) for each in fact]
    if not isinstance(fact, str) or leads_home(fact):
        return fact
    lines = _line_end.sub("\n", mask(fact)).split("\n")
    kept = [one_line(_scheme.sub(lambda found: f"{found[0]} ", line)) for line in lines]
    return ("\n" if own_words else " ").join(kept).strip()


def leads_home(text: str) -> bool:
    """Return whether the text is an address of the console and nothing else."""
    base = settings.OPERATOR.base_url.rstrip("/")
    # The slash: https://simsim.example must not vouch for https://simsim.example.evil.example.
    return text.isascii() and text.isprintable() and " " not in text and (text == base or text.startswith(f"{base}/"))


def one_line(text: str) -> str:
    """Return the text as one line that can be written into a header and reads in the order of its letters."""
    kept = (
        " " if unicodedata.category(character) in UNWRITABLE else character
        for character in text
        if character not in DIRECTIONAL
    )
    return " ".join("".join(kept).split())


def subject_of(kind: str, context: Mapping[str, object]) -> str:
    """Return the subject of a kind of mail, the names in it shortened as far as they must be."""
    line = ""
    for length in MAX_NAME_LENGTHS:
        names = {name: shortened(str(context[name]), length) for name in NAMES_IN_SUBJECTS if name in context}
        line = one_line(render_to_string(f"mail/{kind}/subject.txt", {**context, **names}))
        if len(line) <= MAX_SUBJECT_LENGTH:
            break
    return subject_line(line)


def shortened(name: str, length: int) -> str:
    """Return the name with an ellipsis in place of its middle if it is longer: names often differ at their end."""
    if len(name) <= length:
        return name
    head = length // 2
    return f"{name[:head].rstrip()}…{name[head + 1 - length :].lstrip()}"


def subject_line(text: str) -> str:
    """Return the text as a subject: one line of at most 120 characters, never empty."""
    line = one_line(text)
    return (line if len(line) <= MAX_SUBJECT_LENGTH else line[: MAX_SUBJECT_LENGTH - 1].rstrip() + "…") or "Simsim"


def encoded_subject(subject: str) -> str:
    """Return the subject as RFC 2047 has it, on one line that is folded between its encoded words.

    Django encodes it without room for “Subject: ”, so that a long one is folded before its first word and arrives with
    a space in front; and it leaves what only looks encoded as it is, so that a name would be decoded into another one.
    """
    if subject.isascii() and len(subject) <= 60 and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode(linesep="")


def parse_address(text: str) -> str:
    """Return the text, its domain in ASCII, when it is one address and nothing else; raise Unwritable when not."""
    try:
        validate_email(text)
    except ValidationError:
        raise Unwritable("the recipient is not one email address") from None
    # A quoted local part may hold controls by the grammar, and by no mail server's leave.
    local, _, domain = text.rpartition("@")
    in_ascii = ascii_domain(domain)
    if not text.isprintable() or in_ascii is None:
        raise Unwritable("the recipient is not one email address")
    return f"{local}@{in_ascii}"


def reply_to(mail: OwedMail) -> list[str]:
    """Return to whom an answer goes: the address among the facts, nobody when it is none."""
    try:
        return [parse_address(str(mail.facts.get("reply_to", "")))]
    except ValueError:
        return []


def message_id(mail: OwedMail) -> str:
    """Return the row's own Message-ID: the same at each attempt, so that a repeated mail is known as one."""
    key, name = settings.SECRET_KEY.encode(), b"message-id:" + mail.dedupe.encode()
    return f"<{hmac.new(key, name, hashlib.sha256).hexdigest()[:32]}@{own_domain()}>"


def own_domain() -> str:
    """Return the sender's domain in ASCII, as a Message-ID must have it; never raise: it stands in lists."""
    sender = parse_sender(settings.DEFAULT_FROM_EMAIL)
    return sender.domain if sender else FALLBACK_DOMAIN
