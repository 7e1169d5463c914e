"""A time limit for a whole exchange over a connection, even if the other side sends very slowly."""

import contextlib
import os
import socket
import threading


class SocketDeadline:
    """Cuts a connection after some seconds. `has_passed` means that this cut may be the cause of an end or a reset.

    The socket's own timeout limits each read separately, so a peer that sends a byte now and then could keep us waiting
    forever.
    """

    def __init__(self, connection: socket.socket, *, seconds: float) -> None:
        self.has_passed = False
        # Keep a duplicate: it still refers to the connection after TLS has taken over the socket.
        self._duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """Stop the timer; does nothing if it has already stopped."""
        self._timer.cancel()
        # Wait for the timer: it may be about to use the duplicate, and another socket could get its number.
        self._timer.join()
        self._duplicate.close()

    def _cut(self) -> None:
        self.has_passed = True
        with contextlib.suppress(OSError):
            self._duplicate.shutdown(socket.SHUT_RDWR)
