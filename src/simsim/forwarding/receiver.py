"""The receiver of forwarded events, from the operator's checked settings."""

import ipaddress
import re
import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from simsim.delivery.authorities import prove_authorities
from simsim.delivery.connection import ReceiverConnection, connected
from simsim.delivery.signed_post import MAX_SECRET, MIN_SECRET, parse_secret
from simsim.problem import Unusable

URL, SECRET, AUTHORITIES = "SIMSIM_FORWARD_URL", "SIMSIM_FORWARD_SECRET", "SIMSIM_FORWARD_CA"
_is_of_url_characters = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*").fullmatch  # RFC 3986, without a fragment


class Protocol(StrEnum):
    WEBHOOK = "webhook"
    SYSLOG = "syslog"


# For each URL scheme: the protocol, whether it uses TLS, and the default port (RFC 5425, 4.1).
SCHEMES = {
    "https": (Protocol.WEBHOOK, True, 443),
    "http": (Protocol.WEBHOOK, False, 80),
    "syslog+tls": (Protocol.SYSLOG, True, 6514),
    "syslog": (Protocol.SYSLOG, False, 514),
}


@dataclass(frozen=True)
class Target:
    """The receiver. Anyone who knows `path` or `secrets` may be able to send events to it. The newest secret comes
    first.

    `authorities` is a file of certificates for verifying the receiver's, or None to use the system's.
    """

    protocol: Protocol
    is_tls: bool
    host: str
    port: int
    netloc: str = ""
    path: str = field(default="/", repr=False)
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    authorities: Path | None = None

    @property
    def place(self) -> str:
        """Return the host and port, which may be shown to anyone."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext:
        """Return a context that verifies the receiver's certificate and its name."""
        return ssl.create_default_context(cafile=self.authorities)

    def connected(self) -> AbstractContextManager[ReceiverConnection]:
        """Connect to the receiver; raise ReceiverUnavailable if connecting, or the exchange that follows, fails."""
        tls = self.tls() if self.is_tls else None
        return connected([(self.host, self.port)], server_name=self.host, tls=tls)


def read_target(url: str, secret: str, authorities: str) -> Target:
    """Return the receiver from the settings; raise Unusable, with one line that names the setting."""
    parts = _split(url)
    protocol, is_tls, port = SCHEMES[parts.scheme]
    secrets = _secrets(secret)
    if protocol == Protocol.WEBHOOK and not secrets:
        raise Unusable("%(name)s is not set: it signs what is sent to %(url)s", name=SECRET, url=URL)
    if protocol == Protocol.SYSLOG and secrets:
        raise Unusable("%(name)s is only for webhooks, and syslog is configured: remove it", name=SECRET)
    if authorities and not is_tls:
        raise Unusable("%(name)s is set, but %(url)s does not use TLS", name=AUTHORITIES, url=URL)
    return Target(
        protocol=protocol,
        is_tls=is_tls,
        host=parts.hostname or "",
        port=parts.port or port,
        netloc=parts.netloc,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        secrets=secrets,
        authorities=prove_authorities(AUTHORITIES, authorities),
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # "[" without an IPv6 address, or an invalid port
        is_usable = False
    # Show no part of the URL: it may contain the secret that allows writing to the receiver.
    if not is_usable or parts.scheme not in SCHEMES or not _is_of_url_characters(url) or "@" in parts.netloc:
        schemes = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise Unusable("%(name)s must be a URL with a host, no user and no “#”, by %(by)s", name=URL, by=schemes)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise Unusable("%(name)s: http:// is allowed only for this machine, use https://", name=URL)
    if SCHEMES[parts.scheme][0] == Protocol.SYSLOG and (parts.path.strip("/") or parts.query):
        raise Unusable("%(name)s: a syslog URL is a host and a port, without a path", name=URL)
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secrets(text: str) -> tuple[bytes, ...]:
    return tuple(_secret(part) for part in text.replace(",", " ").split())


def _secret(text: str) -> bytes:
    secret = parse_secret(text)
    if secret is None:
        raise Unusable(
            "%(name)s must be “whsec_” and %(least)s to %(most)s random bytes in base64",
            name=SECRET, least=str(MIN_SECRET), most=str(MAX_SECRET),
        )  # fmt: skip
    return secret
