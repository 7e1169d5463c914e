"""A connection to the receiver, with a verified certificate and a time limit that a slow receiver can't extend."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from simsim.forwarding.receiver import Target
from simsim.socket_deadline import SocketDeadline

SILENCE_SECONDS = 10.0
# Much shorter than the lease of the shipments being sent.
ATTEMPT_SECONDS = 30.0


class ReceiverUnavailable(Exception):
    """The receiver can't be reached, or can't accept anything for now."""


class ReceiverRefused(Exception):
    """The receiver answered that it does not accept this delivery."""


@dataclass
class ReceiverConnection:
    """An open socket and its deadline."""

    socket: socket.socket
    deadline: SocketDeadline

    def prove_whole(self) -> None:
        """Raise TimeoutError if the deadline cut the connection, because the answer may then be incomplete."""
        if self.deadline.has_passed:
            raise TimeoutError(f"the receiver did not finish within {ATTEMPT_SECONDS:g} s")


@contextlib.contextmanager
def connected(target: Target) -> Iterator[ReceiverConnection]:
    """Connect to the receiver; raise ReceiverUnavailable if connecting, or the exchange that follows, fails."""
    try:
        with (
            socket.create_connection((target.host, target.port), timeout=SILENCE_SECONDS) as plain,
            _bounded(plain) as connection,
        ):
            if target.is_tls:
                connection.socket = target.tls().wrap_socket(plain, server_hostname=target.host)
            with connection.socket:
                yield connection
    except (OSError, UnicodeError) as error:  # DNS can't hold every host name
        raise ReceiverUnavailable(describe_error(error)) from error


@contextlib.contextmanager
def _bounded(plain: socket.socket) -> Iterator[ReceiverConnection]:
    deadline = SocketDeadline(plain, seconds=ATTEMPT_SECONDS)
    connection = ReceiverConnection(plain, deadline)
    try:
        yield connection
    except OSError:
        # If the receiver still sends after the cut, the connection is reset. That counts as the deadline, too.
        connection.prove_whole()
        raise
    finally:
        deadline.cancel()


def describe_error(error: Exception) -> str:
    """Return the error in one line, without the URL, except for the parts in the system's message."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
