"""A connection to a receiver, with a verified certificate and a time limit that a slow receiver can't extend."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simsim.socket_deadline import SocketDeadline

SILENCE_SECONDS = 10.0
# Much shorter than the lease of the deliveries being sent.
ATTEMPT_SECONDS = 30.0
Address = tuple[str, int]


class ReceiverUnavailable(Exception):
    """The receiver can't be reached, or can't accept anything for now."""


class ReceiverRefused(Exception):
    """The receiver answered that it does not accept this delivery."""


@dataclass
class ReceiverConnection:
    """An open socket and its deadline, some seconds after the connection was opened."""

    socket: socket.socket
    deadline: SocketDeadline
    seconds: float

    def prove_whole(self) -> None:
        """Raise TimeoutError if the deadline cut the connection, because the answer may then be incomplete."""
        if self.deadline.has_passed:
            raise TimeoutError(f"the receiver did not finish within {self.seconds:g} s")


@contextlib.contextmanager
def connected(
    addresses: Sequence[Address], *, server_name: str, tls: ssl.SSLContext | None, seconds: float | None = None
) -> Iterator[ReceiverConnection]:
    """Connect to the first address that answers; raise ReceiverUnavailable if this, or the exchange, fails.

    With `tls`, the receiver's certificate must be for `server_name`. Everything takes at most about `seconds`.
    """
    seconds = ATTEMPT_SECONDS if seconds is None else seconds
    try:
        with (
            _first_open(addresses, min(seconds, SILENCE_SECONDS)) as plain,
            _bounded(plain, seconds) as connection,
        ):
            if tls is not None:
                connection.socket = tls.wrap_socket(plain, server_hostname=server_name)
            with connection.socket:
                yield connection
    except (OSError, UnicodeError) as error:  # DNS can't hold every host name
        raise ReceiverUnavailable(describe_error(error)) from error


def _first_open(addresses: Sequence[Address], seconds: float) -> socket.socket:
    """Return a connection to the first address that accepts one; together, they get that many seconds."""
    ends, failure = time.monotonic() + seconds, OSError("there is no address to connect to")
    for address in addresses:
        try:
            opened = socket.create_connection(address, timeout=max(ends - time.monotonic(), 0.1))
        except OSError as error:
            failure = error
        else:
            opened.settimeout(seconds)
            return opened
    raise failure


@contextlib.contextmanager
def _bounded(plain: socket.socket, seconds: float) -> Iterator[ReceiverConnection]:
    deadline = SocketDeadline(plain, seconds=seconds)
    connection = ReceiverConnection(plain, deadline, seconds)
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
