"""Events as syslog messages: RFC 5424, framed by octet counting, over TCP (RFC 6587) or TLS (RFC 5425)."""

import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Sequence

from simsim.delivery.connection import SILENCE_SECONDS, ReceiverConnection, ReceiverUnavailable
from simsim.forwarding.events import ForwardedEvent
from simsim.forwarding.receiver import Target
from simsim.rfc3339 import format_time

LOCAL0 = 16
NOTICE, INFORMATIONAL = 5, 6
# Simsim has no enterprise number of its own, so it uses the one that RFC 5612 reserves for examples.
SD_ID = "simsim@32473"
TCP_CLOSE = 7  # Linux, include/net/tcp_states.h
_not_printable = re.compile(r"[^!-~]")  # PRINTUSASCII
_to_be_escaped = re.compile(r'(["\\\]])')


def send(target: Target, events: Sequence[ForwardedEvent], *, origin: str) -> None:
    """Send the events, in order, over one connection. Raises ReceiverUnavailable.

    Syslog has no acknowledgement. If the receiver closes its side after ours, it has read everything, so we take that
    as an acknowledgement. If the receiver died earlier, its system answers with a reset, and the events are sent again.
    """
    with target.connected() as connection:
        connection.socket.sendall(b"".join(framed(message(event, origin)) for event in events))
        _prove_taken(connection)


def message(event: ForwardedEvent, origin: str) -> bytes:
    """Return one message in ASCII without control characters; `origin` is its host name."""
    severity = INFORMATIONAL if event.is_ordinary else NOTICE
    timestamp = format_time(event.at, "microseconds")
    host = _not_printable.sub("", origin)[:255] or "-"
    elements = " ".join(f'{name}="{escaped(value)}"' for name, value in event.facts.items())
    head = f"<{LOCAL0 * 8 + severity}>1 {timestamp} {host} simsim - {event.kind} [{SD_ID} {elements}] "
    return head.encode("ascii") + event.json


def escaped(value: str) -> str:
    """Return a parameter's value with the characters escaped that could end it or the message (RFC 5424, 6.3.3)."""
    ascii_only = value.encode("ascii", "replace").decode()
    return _to_be_escaped.sub(r"\\\1", re.sub(r"[^ -~]", "?", ascii_only))


def framed(text: bytes) -> bytes:
    """Return a message preceded by its length, so that nothing in it can begin another message."""
    return b"%d %b" % (len(text), text)


def _prove_taken(connection: ReceiverConnection) -> None:
    sock = connection.socket
    if _has_ended(sock):
        raise ReceiverUnavailable("it closed the connection before it had received everything")
    if isinstance(sock, ssl.SSLSocket):
        # Many receivers close the connection without sending TLS's close_notify.
        with contextlib.suppress(ssl.SSLEOFError):
            sock = sock.unwrap()
        sock.shutdown(socket.SHUT_WR)
    else:
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass
    _wait_for_the_last_packet(sock)
    connection.prove_whole()


def _wait_for_the_last_packet(sock: socket.socket) -> None:
    """Raise OSError unless the receiver's system has acknowledged everything, including our end of the connection.

    A receiver that dies while the last bytes are on their way sends its own end first, and a reset a moment later.
    """
    last = time.monotonic() + SILENCE_SECONDS
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != TCP_CLOSE:
        if time.monotonic() > last:
            raise TimeoutError("the receiver did not close the connection")
        time.sleep(0.005)
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def _has_ended(sock: socket.socket) -> bool:
    """Whether the receiver has already closed its side: such a close would not acknowledge what we sent."""
    timeout = sock.gettimeout()
    sock.settimeout(0.0)
    try:
        return sock.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        sock.settimeout(timeout)
