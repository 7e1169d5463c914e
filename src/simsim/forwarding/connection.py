"""One connection to the receiver: its certificate proven, its time bounded however slowly it talks."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from simsim.forwarding.target import Target

SILENCE_SECONDS = 10.0
# Much shorter than the lease of what is sent meanwhile.
ATTEMPT_SECONDS = 30.0


class ReceiverUnavailable(Exception):
    """The receiver can't be reached or can't take anything just now."""


class ReceiverRefused(Exception):
    """The receiver answered that it will not take this."""


@dataclass
class ReceiverConnection:
    """An open socket. `is_cut` says that time ran out: what looks like the receiver's end or reset then was ours."""

    socket: socket.socket
    is_cut: bool = False

    def prove_whole(self) -> None:
        """Raise TimeoutError when the connection was cut: what came of it may be a part."""
        if self.is_cut:
            raise TimeoutError(f"the receiver had not finished after {ATTEMPT_SECONDS:g} s")


@contextlib.contextmanager
def connected(target: Target) -> Iterator[ReceiverConnection]:
    """Connect to the receiver; raise ReceiverUnavailable when connecting, or the exchange that follows, fails."""
    try:
        with socket.create_connection((target.host, target.port), timeout=SILENCE_SECONDS) as plain:
            connection = ReceiverConnection(plain)
            with _bounded(connection, plain):
                if target.is_tls:
                    connection.socket = target.tls().wrap_socket(plain, server_hostname=target.host)
                with connection.socket:
                    yield connection
    except (OSError, UnicodeError) as error:  # a host's name may be none that DNS can hold
        raise ReceiverUnavailable(describe_error(error)) from error


@contextlib.contextmanager
def _bounded(connection: ReceiverConnection, plain: socket.socket) -> Iterator[None]:
    # The socket's own timeout bounds each read alone: a receiver that sends a byte now and then would hold us for ever.
    # A duplicate goes on naming the connection when TLS takes the socket over.
    with socket.socket(fileno=os.dup(plain.fileno())) as twin:

        def cut() -> None:
            connection.is_cut = True
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(ATTEMPT_SECONDS, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except OSError:
            # A receiver that goes on sending after the cut is answered with a reset: that is the cut, too.
            connection.prove_whole()
            raise
        finally:
            timer.cancel()
            timer.join()  # it may be about to use the duplicate, whose number another socket would get


def describe_error(error: Exception) -> str:
    """Return what went wrong in one line, which holds nothing of the address but what the system says."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
