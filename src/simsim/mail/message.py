"""Builds an email: text and HTML from the templates of its kind, and headers into which no fact can inject anything."""

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
from simsim.mail.models import SECRET_FACTS, OwedMail
from simsim.mail.sender_address import FALLBACK_DOMAIN, UnusableSender, ascii_domain, parse_sender
from simsim.mail.time_left import end_of, time_left

MAX_SUBJECT_LENGTH = 120
# The longest of these that lets the whole subject fit is used: a subject cut off at its end would not say what
# happened.
MAX_NAME_LENGTHS = (60, 40, 30, 20)
NAMES_IN_SUBJECTS = ("token_name", "account", "asker", "webhook")
EXPIRED_BEFORE = "the token had expired before"
# Facts that may have several lines, because people write them; every other fact has one line, like a name.
OWN_WORDS = {"purpose"}
# Control characters, separators, and characters that can't be encoded. Some parsers end a header line at U+2028 (T8).
UNWRITABLE = {"Cc", "Zl", "Zp", "Cs"}
# Directional overrides and isolates can make a name look like another one, and reverse the sentence around it.
DIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Texts that mail programs turn into links.
_scheme = re.compile(r"([a-z][a-z0-9+.-]*:)(?=//)|\b(www)(?=\.)", re.IGNORECASE)
_line_end = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class Unwritable(ValueError):
    """The email can never be sent: its recipient is not an address, or its subject is not one line."""


class Untrue(Exception):
    """The email would no longer be true when it is sent."""


class Letter(EmailMultiAlternatives):
    """An email that any server accepts: seven bits, short lines, and a subject that arrives unchanged."""

    def message(self, **options: Any) -> Any:
        # Avoid 8-bit: a server may refuse it, and lines could exceed the 998 bytes of RFC 5322.
        self.encoding = Charset("utf-8")
        self.encoding.body_encoding = QP
        made = super().message(**options)
        made.replace_header("Subject", encoded_subject(str(self.subject)))
        return made


def message(mail: OwedMail, now: datetime | None = None) -> EmailMessage:
    """Return the message as sent at `now`: rendered from its kind's templates, or as the backend received it.

    Without `now`, it is rendered for the time at which it was queued. Raises Unwritable, Untrue if it is not true at
    that time, and UnusableSender if the settings name no sender.
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
    if mail.kind in SECRET_FACTS and not mail.facts:
        raise Untrue("its link was encrypted under another SIMSIM_SECRET_KEY")
    if mail.kind == "ready_made":
        return mail.facts["subject"], mail.facts["text"], mail.facts["html"]
    context = (
        safe_facts(mail.facts)
        | as_of(mail, now)
        | {"recipient": mail.recipient, "base_url": settings.OPERATOR.base_url}
    )
    subject = subject_of(mail.kind, context)
    context["subject"] = subject
    text = render_to_string(f"mail/{mail.kind}/text.txt", context)
    return subject, text, render_to_string(f"mail/{mail.kind}/html.html", context)


def as_of(mail: OwedMail, now: datetime) -> dict[str, int]:
    """Return the facts that depend on when the email is sent; raise Untrue."""
    end = end_of(mail.facts)
    if end is None:
        return {}
    if mail.kind == "token_expired" and now < end:
        raise Untrue("the token has not expired")
    if mail.kind == "token_expiring" and now >= end:
        raise Untrue(EXPIRED_BEFORE)
    return time_left(end - now)


def safe_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts in a form that is safe to show, whatever an older row contains."""
    return {name: safe_fact(fact, own_words=name in OWN_WORDS) for name, fact in facts.items()}


def safe_fact(fact: object, *, own_words: bool = False) -> object:
    """Return a fact that can't mislead: no second line in a name, no reversed text, no link except to the console.

    A password that somebody wrote into a name or a request is masked: copies of an email are kept in many places.
    """
    if isinstance(fact, list):
        return [safe_fact(each) for each in fact]
    if not isinstance(fact, str) or is_console_address(fact):
        return fact
    lines = _line_end.sub("\n", mask(fact)).split("\n")
    kept = [one_line(_scheme.sub(lambda found: f"{found[0]} ", line)) for line in lines]
    return ("\n" if own_words else " ").join(kept).strip()


def is_console_address(text: str) -> bool:
    """Whether the text is an address of the console and nothing else."""
    base = settings.OPERATOR.base_url.rstrip("/")
    # The slash is needed: https://simsim.example.evil.example begins with https://simsim.example.
    return text.isascii() and text.isprintable() and " " not in text and (text == base or text.startswith(f"{base}/"))


def one_line(text: str) -> str:
    """Return the text as one line that is safe in a header and can't be displayed in another order."""
    kept = (
        " " if unicodedata.category(character) in UNWRITABLE else character
        for character in text
        if character not in DIRECTIONAL
    )
    return " ".join("".join(kept).split())


def subject_of(kind: str, context: Mapping[str, object]) -> str:
    """Return the subject for a kind of email, with its names shortened only as far as needed."""
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
    """Return the subject encoded by RFC 2047, on one line that is folded between its encoded words.

    Django leaves no room for “Subject: ”, so it folds a long subject before the first word, and the subject arrives
    with a leading space. It also doesn't encode text that already looks encoded, so a name could be decoded into
    another name.
    """
    if subject.isascii() and len(subject) <= 60 and "=?" not in subject:
        return subject
    return Header(subject, "utf-8", header_name="Subject").encode(linesep="")


def parse_address(text: str) -> str:
    """Return the address, its domain in ASCII; raise Unwritable if the text is not exactly one address."""
    try:
        validate_email(text)
    except ValidationError:
        raise Unwritable("the recipient is not one email address") from None
    # The grammar allows control characters in a quoted local part; mail servers don't.
    local, _, domain = text.rpartition("@")
    in_ascii = ascii_domain(domain)
    if not text.isprintable() or in_ascii is None:
        raise Unwritable("the recipient is not one email address")
    return f"{local}@{in_ascii}"


def reply_to(mail: OwedMail) -> list[str]:
    """Return the address for replies, from the facts; an empty list if there is no valid address."""
    try:
        return [parse_address(str(mail.facts.get("reply_to", "")))]
    except ValueError:
        return []


def message_id(mail: OwedMail) -> str:
    """Return the row's Message-ID, the same at each attempt, so that mail programs recognize a repeated email."""
    key, name = settings.SECRET_KEY.encode(), b"message-id:" + mail.dedupe.encode()
    return f"<{hmac.new(key, name, hashlib.sha256).hexdigest()[:32]}@{own_domain()}>"


def own_domain() -> str:
    """Return the sender's domain in ASCII, for the Message-ID. Never raises, because lists show it."""
    sender = parse_sender(settings.DEFAULT_FROM_EMAIL)
    return sender.domain if sender else FALLBACK_DOMAIN
