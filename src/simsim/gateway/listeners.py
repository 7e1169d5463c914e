"""Listening sockets that outlive the processes that accept on them: one process opens them, and passes them on."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from simsim.gateway.addresses import HostPort

BACKLOG = 4096


def open_tcp(place: HostPort, *, known: Iterable[socket.socket] = ()) -> list[socket.socket]:
    """Return a listening socket for each address of the place, the known ones where they fit; raise OSError."""
    by_end = {(each.family, each.getsockname()[:2]): each for each in known}
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened = []
    for family, _, _, _, end in dict.fromkeys(found):
        opened.append(by_end.get((family, end[:2])) or _open(family, end))
    return opened


def open_unix(path: Path, mode: int) -> socket.socket:
    """Return a socket that listens at the path, in place of one that was left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode must hold from the first moment: between bind and chmod, others could connect.
    before = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def from_descriptors(descriptors: Iterable[int]) -> list[socket.socket]:
    """Return the sockets that an earlier image of this process has left open."""
    listeners = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for each in listeners:
        each.set_inheritable(False)
    return listeners


def reason_of(error: OSError) -> str:
    return error.strerror or str(error)


def _open(family: int, end: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(end)
        listener.listen(BACKLOG)
        # nginx takes inherited sockets as they are, and must never wait in accept().
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
