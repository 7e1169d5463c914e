"""The gateway's addresses, where it listens, and where the API is."""

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from simsim.problem import Unusable

DEFAULT_PORTS = {"http": 80, "https": 443}
# Answered by the gateway itself, for load balancers and `simsim doctor`; `--health` moves it or turns it off.
HEALTH_PATH = "/.simsim/health"
# Characters that are safe unquoted in nginx's configuration: any other could end the directive and begin another.
_is_host = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?").fullmatch
_is_ipv6 = re.compile(r"[0-9A-Fa-f:.]+").fullmatch
_is_ipv4 = re.compile(r"[0-9.]+").fullmatch
_is_path = re.compile(r"/[A-Za-z0-9._~/-]*").fullmatch


@dataclass(frozen=True)
class HostPort:
    """A host and a port; an IPv6 address without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_name(self) -> bool:
        """Whether the host is a name, whose addresses may change."""
        return ":" not in self.host and not _is_ipv4(self.host)


@dataclass(frozen=True)
class Upstream:
    """The API: its scheme, http or https, and its address."""

    scheme: str
    address: HostPort

    @property
    def authority(self) -> str:
        """The API's own Host header: without the port if it is the scheme's default."""
        port = f":{self.address.port}"
        return str(self.address).removesuffix(port if self.address.port == DEFAULT_PORTS[self.scheme] else "")


def parse_upstream(text: str) -> Upstream:
    """Return the API that `http://host:port` names; raise Unusable for anything else.

    A path is refused: nginx would then rewrite each request's path, and the API must see it unchanged.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unusable("--upstream: %(text)s is not a URL", text=repr(text)) from None
    # urlsplit silently drops line breaks.
    if parts.scheme not in DEFAULT_PORTS or not is_host(host) or not text.isprintable():
        raise Unusable("--upstream must be http://host:port or https://host:port, not %(text)s", text=repr(text))
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise Unusable("--upstream takes only scheme, host and port: the API gets each path as the client sent it")
    return Upstream(parts.scheme, HostPort(host, port or DEFAULT_PORTS[parts.scheme]))


def parse_health(text: str) -> str:
    """Return the path at which the gateway reports its health, "" for none; raise Unusable for any other text."""
    if text and not _is_path(text):
        raise Unusable(
            "--health must be a path of plain characters, such as /.simsim/health, not %(text)s", text=repr(text)
        )
    return text


def parse_listen(text: str, *, name: str = "--listen") -> HostPort:
    """Return the address that `PORT`, `HOST:PORT` or `[IPv6]:PORT` names; raise Unusable for anything else."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        good_host = bool(_is_ipv6(host)) and ":" in host
    else:
        good_host = not host or (is_host(host) and ":" not in host)
    if not good_host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise Unusable("%(name)s must be PORT, HOST:PORT or [IPv6]:PORT, not %(text)s", name=name, text=repr(text))
    return HostPort(host or "127.0.0.1", int(port))


def is_host(text: str) -> bool:
    """Whether the text is a host name, an IPv4 address, or an IPv6 address without brackets."""
    return bool(_is_host(text)) or (":" in text and bool(_is_ipv6(text)))


def resolve(address: HostPort) -> tuple[HostPort, ...]:
    """Return the host's current addresses, in a fixed order; raise Unusable if its name can't be resolved.

    The system's own resolver is asked, so /etc/hosts counts. Addresses of a family that this machine can't use are left
    out: nginx would answer 500 instead of trying the next one.
    """
    if not address.is_name:
        return (address,)
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unusable(
            "--upstream: %(host)s can't be resolved: %(reason)s", host=address.host, reason=reason
        ) from error
    # nginx takes no address with a zone.
    hosts = {str(end[0]) for family, _, _, _, end in found if can_open(family) and "%" not in str(end[0])}
    if not hosts:
        raise Unusable("--upstream: %(host)s has no address that this machine can reach", host=address.host)
    return tuple(HostPort(host, address.port) for host in sorted(hosts))


def can_open(family: int) -> bool:
    """Whether this machine can use that family of addresses."""
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True
