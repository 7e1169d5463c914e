"""One attempt to hand a mail to the mail server: bounded in time, with a verdict on what went wrong."""

import contextlib
import os
import smtplib
import socket
import threading
from collections.abc import Iterator

from django.core.mail.backends.smtp import EmailBackend

# Longer than a busy server thinks after DATA, much shorter than the lease of the row.
ATTEMPT_SECONDS = 60.0
# The server asks for a sign-in, or for TLS: a setting is wrong, not the mail.
ABOUT_THE_SETTINGS = {530, 534, 535, 538}


class Bounded(smtplib.SMTP):
    """A session that ends after ATTEMPT_SECONDS, however slowly the server goes on talking.

    The socket's own timeout bounds each read alone: a server that sends a byte now and then would hold us for ever.
    """

    _twin: socket.socket | None = None
    _end: threading.Timer | None = None
    _ran_out = False

    def getreply(self) -> tuple[int, bytes]:
        if self._twin is None and self.sock is not None:
            # A duplicate goes on naming the connection when STARTTLS wraps the socket.
            self._twin = socket.socket(fileno=os.dup(self.sock.fileno()))
            self._end = threading.Timer(ATTEMPT_SECONDS, self._cut)
            self._end.daemon = True
            self._end.start()
        try:
            reply = super().getreply()
        except smtplib.SMTPServerDisconnected:
            if not self._ran_out:
                raise
        else:
            # What came before the cut may be a part of a reply.
            if not self._ran_out:
                return reply
        self.close()
        raise TimeoutError(f"the mail server had not finished after {ATTEMPT_SECONDS:g} s")

    def _cut(self) -> None:
        self._ran_out = True
        with contextlib.suppress(OSError):
            if self._twin is not None:
                self._twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._twin is not None:
            self._twin.close()
        super().close()


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
    backend.open()
    try:
        yield backend
    finally:
        # What the server has taken is taken, whatever it answers to QUIT.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            backend.close()


def is_final(error: Exception) -> bool:
    """Whether trying again can't help: the server refuses this mail or its recipient for good, or it can't be written.

    A refusal of the sender, of the sign-in or of the whole session is not: the operator can mend that.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        return bool(codes) and all(500 <= code < 600 and code not in ABOUT_THE_SETTINGS for code in codes)
    if isinstance(error, smtplib.SMTPDataError):
        return 500 <= error.smtp_code < 600 and error.smtp_code not in ABOUT_THE_SETTINGS
    return isinstance(error, ValueError)


def in_words(error: Exception) -> str:
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
