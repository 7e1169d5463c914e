"""Probes of running services: whether a socket or a port answers, and whether a port is free."""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from simsim.gate.question import SocketConnection

TIMEOUT_SECONDS = 2.0


def socket_status(path: Path, target: str) -> int | None:
    """Return the HTTP status of the server on a Unix socket, or None if nothing answers."""
    return status_of(SocketConnection(path), target)


def port_status(
    host: str, port: int, target: str, *, timeout_seconds: float = TIMEOUT_SECONDS, tls: bool = False
) -> int | None:
    """Return the HTTP status of the server on a port, or None if nothing answers. Its certificate is not checked."""
    if not tls:
        return status_of(http.client.HTTPConnection(host, port, timeout=timeout_seconds), target)
    # We ask ourselves, by an address that the certificate does not name.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return status_of(http.client.HTTPSConnection(host, port, timeout=timeout_seconds, context=context), target)


def status_of(
    connection: http.client.HTTPConnection,
    target: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> int | None:
    """Return the HTTP status of the answer, or None if there is none, and close the connection."""
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        return response.status
    finally:
        connection.close()


def reachable(host: str) -> str:
    """Return an address that reaches a server listening on `host`: loopback for the wildcards."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def is_port_free(host: str, port: int) -> bool:
    """Whether a server can listen there. Does not set SO_REUSEPORT, because two servers could then share the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
