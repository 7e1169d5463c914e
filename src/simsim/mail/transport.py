"""One attempt to hand a mail to the mail server: bounded in time, with a verdict on what went wrong."""

import contextlib
import re
import smtplib
from collections.abc import Iterator
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

from simsim.socket_deadline import SocketDeadline

# Longer than a busy server thinks after DATA, much shorter than the lease of the row.
ATTEMPT_SECONDS = 60.0
# What RFC 5321 has for a recipient or a mail that is refused. Other 5xx are about the session: commands that are out of
# order or not known (500 to 504, 555), a sign-in or TLS that is missing (530 to 538), a host that takes no mail (521).
FINAL = {550, 551, 552, 553, 554}
# Enhanced codes (RFC 3463) that speak of our side, though they come in answer to a recipient: Postfix says all there.
# Our sender's address, its own system, our commands, and policy: relaying denied, our host or domain not welcome.
ABOUT_OUR_SIDE = re.compile(r"5\.(?:1\.[78]|3\.[0-35]|5\.\d+|7\.\d+)\b")
# In answer to a mail "5.7.1" is what a spam filter says of its content. These are about sign-in, signatures and DNS.
ABOUT_OUR_DOMAIN = re.compile(r"5\.(?:1\.[78]|3\.[0-35]|5\.\d+|7\.(?:[89]|1[0-4]|2\d|3\d))\b")


class InUtf8(str):
    """A text that smtplib, which encodes credentials as ASCII, sends as UTF-8 (RFC 4616)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("utf-8" if encoding == "ascii" else encoding, errors)


class Bounded(smtplib.SMTP):
    """A session that ends after ATTEMPT_SECONDS, however slowly the server talks."""

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
            # What came before the cut may be a part of a reply.
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
    """Open a session with the mail server of the settings; how it ends does not matter any more."""
    backend = BoundedBackend()
    try:
        backend.open()
        yield backend
    finally:
        # What the server has taken is taken, whatever it answers to QUIT.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            backend.close()


def is_final(error: Exception) -> bool:
    """Whether trying again can't help: the receiver refuses this recipient or this mail for good.

    Nothing else is final: not what fails before (TLS, sign-in, greeting, sender), which the operator can mend.
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
    """Return what went wrong: the server's own answer, with its code first, where it gave one."""
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (0, b""))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return f"{type(error).__name__}: {error}"[:500]
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{code} {' '.join(text.split())}"[:500]
