"""Findings about the certificates that the console and the gateway present."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509

from simsim.health.doctor.findings import Finding
from simsim.health.node import gateway_place, has_gateway_tls, run_directory
from simsim.health.probes import TIMEOUT_SECONDS, reachable
from simsim.health.sentences import span
from simsim.health.serve_state import read_served

# Certbot renews thirty days before the end: with fourteen left, renewal has failed for two weeks.
WARNING = timedelta(days=14)


def certificates() -> Iterator[Finding]:
    """Look at the certificates as a client does: a renewed one that was not reloaded yet does not count."""
    served, place = read_served(run_directory()), gateway_place()
    if served is not None and served.is_running and served.tls:
        yield from presented("console", served.host, served.port)
    if place is not None and has_gateway_tls():
        yield from presented("gateway", place.host, place.port)


def presented(name: str, host: str, port: int) -> Iterator[Finding]:
    """Report when the certificate on that port expires; nothing if no server answers, which another finding says."""
    try:
        expires = expiry_at(reachable(host), port)
    except OSError:
        return
    left = expires - datetime.now(UTC)
    says = f"{expires:%Y-%m-%d %H:%M} UTC"
    if left <= timedelta(0):
        says = f"it has expired on {says}: renew it, then reload simsim"
    elif left < WARNING:
        says = f"it expires in {span(left)}, on {says}: renew it, then reload simsim"
    else:
        says = f"expires on {says}"
    yield Finding(f"certificate of the {name}", left >= WARNING, says)


def expiry_at(host: str, port: int) -> datetime:
    """Return when the certificate expires that a server presents, whoever signed it. Raises OSError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, port), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").not_valid_after_utc
