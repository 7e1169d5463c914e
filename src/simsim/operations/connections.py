"""Limits how many connections one address may hold, and how long a client may leave an answer unread.

The server closes a connection that is slow to send a request head, and limits the total; it ignores addresses. So a
thread examines the process's own sockets through the kernel. This works on Linux only; elsewhere there is no limit.
"""

import contextlib
import os
import resource
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simsim.credential.allowlist import Address, contains, parse_address
from simsim.gate.address import site_of

# Enough for a company behind one address: about forty browsers with six connections each.
MAX_CONNECTIONS = 256
LOOK_SECONDS = 0.5
# The time for a client that does not read its answer.
MAX_UNREAD_MILLISECONDS = 20_000
MAX_OPEN_FILES = 16_384
DESCRIPTORS = Path("/proc/self/fd")
# struct tcp_info of linux/tcp.h: eight bytes, then numbers of 32 bits, of which tcpi_last_data_recv is the twelfth.
LAST_DATA_RECEIVED_AT = 8 + 11 * 4


class ClientConnection(NamedTuple):
    """A client's connection to the server, with a descriptor of our own, and how long the client has been silent."""

    held: socket.socket
    address: Address | None
    silent_milliseconds: int


def bound_connections(trusted: bytes = b"") -> None:
    """Limit the connections to this process's server from now on.

    `trusted` proxies may hold any number of connections.
    """
    if sys.platform != "linux":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # systemd allows 1,024 open files. A thousand connections use nearly all of them, and then the server can neither
    # accept a connection nor open a file.
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    threading.Thread(target=_watch, args=(trusted,), name="connections", daemon=True).start()


def _watch(trusted: bytes) -> None:
    # The server listens only after it has started the application.
    while not bound_answers():
        time.sleep(LOOK_SECONDS / 10)
    while True:
        time.sleep(LOOK_SECONDS)
        # With fewer open files than the limit, no address can hold too many connections.
        if len(os.listdir(DESCRIPTORS)) > MAX_CONNECTIONS:  # noqa: PTH208 - needs names, not Paths
            close_surplus(trusted)


def bound_answers() -> int:
    """Have the kernel close each connection whose client reads nothing; return how many listeners there were."""
    count = 0
    for listener in listeners():
        # Connections that it accepts later inherit the option.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, MAX_UNREAD_MILLISECONDS)
        listener.close()
        count += 1
    # These are the connections that were accepted earlier.
    for connection in connections() if count else ():
        connection.held.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, MAX_UNREAD_MILLISECONDS)
        connection.held.close()
    return count


def close_surplus(trusted: bytes, limit: int = MAX_CONNECTIONS) -> int:
    """Close the connections that each address holds beyond `limit`, and return how many.

    It closes those of the clients that have been silent longest, so that active people behind a shared address keep
    theirs.
    """
    by_site = defaultdict(list)
    for connection in connections():
        if connection.address is None or contains(trusted, connection.address):
            connection.held.close()
        else:
            by_site[site_of(connection.address)].append(connection)
    closed = 0
    for found in by_site.values():
        found.sort(key=lambda connection: connection.silent_milliseconds)
        for connection in found[limit:]:
            with contextlib.suppress(OSError):
                connection.held.shutdown(socket.SHUT_RDWR)
                closed += 1
        for connection in found:
            connection.held.close()
    return closed


def listeners() -> Iterator[socket.socket]:
    """Yield this process's listening TCP sockets; the caller closes each."""
    for found in _sockets():
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            yield found
        else:
            found.close()


def connections() -> Iterator[ClientConnection]:
    """Yield the clients' connections to this process's listeners; the caller closes each."""
    ports = set()
    for listener in listeners():
        ports.add(listener.getsockname()[1])
        listener.close()
    for found in _sockets():
        try:
            if found.getsockname()[1] in ports and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                information = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED_AT + 4)
                (silent,) = struct.unpack_from("=I", information, LAST_DATA_RECEIVED_AT)
                yield ClientConnection(found, parse_address(found.getpeername()[0]), silent)
                continue
        except OSError:  # closed a moment ago
            pass
        found.close()


def _sockets() -> Iterator[socket.socket]:
    """Yield this process's TCP sockets, each with a descriptor of our own: the server may close its own at any time."""
    for name in os.listdir(DESCRIPTORS):  # noqa: PTH208
        try:
            own = os.dup(int(name))
        except OSError:  # closed a moment ago
            continue
        try:
            found = socket.socket(fileno=own)
        except OSError:  # not a socket
            os.close(own)
            continue
        if found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM:
            yield found
        else:
            found.close()
