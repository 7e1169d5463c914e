"""One attempt to hand an email to the mail server within a time limit, and the meaning of its errors."""

import contextlib
import re
import smtplib
from collections.abc import Iterator
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

from simsim.socket_deadline import SocketDeadline

# Longer than a busy server needs after DATA, and much shorter than the row's lease.
ATTEMPT_SECONDS = 60.0
# The codes of RFC 5321 for a refused recipient or email. Other 5xx codes are about the session: unknown commands or a
# wrong order (500 to 504, 555), missing sign-in or TLS (530 to 538), a host that accepts no email (521).
FINAL = {550, 551, 552, 553, 554}
# Enhanced codes (RFC 3463) about our side. They arrive in response to the recipient, because Postfix reports everything
# there: problems with our sender's address, the server's own system or our commands, and policies such as relaying
# denied or our host or domain blocked.
ABOUT_OUR_SIDE = re.compile(r"5\.(?:1\.[78]|3\.[0-35]|5\.\d+|7\.\d+)\b")
# In response to an email's content, "5.7.1" is a spam filter's verdict. These codes are about sign-in, signatures and
# DNS.
ABOUT_OUR_DOMAIN = re.compile(r"5\.(?:1\.[78]|3\.[0-35]|5\.\d+|7\.(?:[89]|1[0-4]|2\d|3\d))\b")


class InUtf8(str):
    """A text that smtplib, which encodes credentials as ASCII, sends as UTF-8 (RFC 4616)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("utf-8" if encoding == "ascii" else encoding, errors)


class Bounded(smtplib.SMTP):
    """A session that ends after ATTEMPT_SECONDS, even if the server sends very slowly."""

    _deadline: SocketDeadline | None = None

    def getreply(self) -> tuple[int, bytes]:
        if self._deadline is None and self.sock is not None:
            self._deadline = SocketDeadline(self.sock, seconds=ATTEMPT_SECONDS)
        try:
            reply = super().getreply()
        except smtplib.SMTPServerDisconnected:
            if not self._has_run_out():
                raise
        else:
            # A reply that was being read when the session ended may be incomplete.
            if not self._has_run_out():
                return reply
        self.close()
        raise TimeoutError(f"the mail server had not finished after {ATTEMPT_SECONDS:g} s")

    def _has_run_out(self) -> bool:
        return self._deadline is not None and self._deadline.has_passed

    def close(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().close()

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        return super().login(InUtf8(user), InUtf8(password), initial_response_ok=initial_response_ok)

    def auth_plain(self, challenge: Any = None) -> str:
        return InUtf8(super().auth_plain(challenge))

    def auth_cram_md5(self, challenge: Any = None) -> Any:
        answer = super().auth_cram_md5(challenge)
        return answer and InUtf8(answer)


class BoundedSSL(Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class BoundedBackend(EmailBackend):
    """Django's SMTP backend over bounded sessions."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return BoundedSSL if self.use_ssl else Bounded


@contextlib.contextmanager
def session() -> Iterator[EmailBackend]:
    """Open a session with the mail server from the settings; errors while closing it are ignored."""
    backend = BoundedBackend()
    try:
        backend.open()
        yield backend
    finally:
        # The server has accepted the email by now; its answer to QUIT does not matter.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            backend.close()


def is_final(error: Exception) -> bool:
    """Whether trying again is useless because the server refuses this recipient or this email permanently.

    Earlier failures (TLS, sign-in, greeting, sender) are not final, because the operator can correct them.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
        return bool(answers) and all(_is_final(code, said, ABOUT_OUR_SIDE) for code, said in answers)
    if isinstance(error, smtplib.SMTPDataError):
        return _is_final(error.smtp_code, error.smtp_error, ABOUT_OUR_DOMAIN)
    return False


def _is_final(code: int, said: bytes | str, ours: re.Pattern[str]) -> bool:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return code in FINAL and not ours.match(text)


def describe_error(error: Exception) -> str:
    """Return the server's answer, beginning with its code, or the error if there is no answer."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (0, b""))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return f"{type(error).__name__}: {error}"[:500]
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{code} {' '.join(text.split())}"[:500]
