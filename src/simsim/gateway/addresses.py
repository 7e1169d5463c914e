"""What the operator gives the gateway, parsed once: where it listens, and which API stands behind it."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from simsim.problem import Unusable

DEFAULT_PORTS = {"http": 80, "https": 443}
# What may stand in nginx's configuration unquoted: a name that held more could end the directive and begin another.
_is_host = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?").fullmatch
_is_ipv6 = re.compile(r"[0-9A-Fa-f:.]+").fullmatch


@dataclass(frozen=True)
class Place:
    """A host and a port; an IPv6 address without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Upstream:
    """The API: its scheme, http or https, and its place."""

    scheme: str
    place: Place


def parse_upstream(text: str) -> Upstream:
    """Return the API that `http://host:port` names; raise Unusable for anything else.

    A path is refused: nginx would then rewrite what the client asked for, and the API must see it unchanged.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unusable("--upstream: %(text)s is not a URL", text=repr(text)) from None
    # urlsplit drops line breaks without a word.
    if parts.scheme not in DEFAULT_PORTS or not is_host(host) or not text.isprintable():
        raise Unusable("--upstream must be http://host:port or https://host:port, not %(text)s", text=repr(text))
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise Unusable("--upstream takes scheme, host and port alone: the API gets each path as the client sent it")
    return Upstream(parts.scheme, Place(host, port or DEFAULT_PORTS[parts.scheme]))


def parse_listen(text: str, *, name: str = "--listen") -> Place:
    """Return the place that `PORT`, `HOST:PORT` or `[IPv6]:PORT` names; raise Unusable for anything else."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        good_host = bool(_is_ipv6(host)) and ":" in host
    else:
        good_host = not host or (is_host(host) and ":" not in host)
    if not good_host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise Unusable("%(name)s must be PORT, HOST:PORT or [IPv6]:PORT, not %(text)s", name=name, text=repr(text))
    return Place(host or "127.0.0.1", int(port))


def is_host(text: str) -> bool:
    """Whether it is a host name, an IPv4 address, or an IPv6 address without brackets."""
    return bool(_is_host(text)) or (":" in text and bool(_is_ipv6(text)))
