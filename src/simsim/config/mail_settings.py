"""The mail server and the sender, read from the operator's settings and checked."""

from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from urllib.parse import parse_qsl, unquote

from simsim.config.addresses import ascii_host, normal_host, prove_percent_encoded, split_url
from simsim.problem import Unusable

URL, SENDER = "SIMSIM_EMAIL_URL", "SIMSIM_EMAIL_FROM"
PORTS = {"smtp": 25, "smtps": 465}
MAX_SENDER_LENGTH = 320


@dataclass(frozen=True)
class MailServer:
    """The server that accepts our emails. TLS starts with the connection (`is_tls`), after STARTTLS, or not at all."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    is_tls: bool
    is_starttls: bool


def read_mail_server(url: str) -> MailServer:
    """Return the server that a URL names; raise Unusable.

    A parameter that is not understood is refused; it never turns TLS off.
    """
    prove_percent_encoded(URL, url)
    parts = split_url(URL, url, set(PORTS))
    if parts.path.strip("/") or parts.fragment or "#" in url:
        raise Unusable("%(name)s: only ?starttls=1 may follow the port (percent-encode “/” and “#”)", name=URL)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    if parameters not in ([], [("starttls", "1")], [("starttls", "0")]):
        raise Unusable("%(name)s: the only parameter is starttls=1, given once", name=URL)
    is_starttls = ("starttls", "1") in parameters
    if parts.scheme == "smtps" and parameters:
        raise Unusable("%(name)s: smtps:// uses TLS from the start. Remove starttls", name=URL)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise Unusable("%(name)s: a user needs a password, and a password needs a user", name=URL)
    host = normal_host(URL, parts.hostname or "").strip("[]")
    port = parts.port or PORTS[parts.scheme]
    return MailServer(host, port, user, password, parts.scheme == "smtps", is_starttls)


def normal_sender(text: str) -> str:
    """Return `NAME <ADDRESS>` in the form that a header needs: a name with a comma is quoted, and an international
    domain is in ASCII.

    Raises Unusable for anything but one address: otherwise a bad sender would be noticed only with the first email,
    days later.
    """
    if len(text) > MAX_SENDER_LENGTH or not text.isprintable():
        raise Unusable("%(name)s is too long, or contains a control character", name=SENDER)
    name, bracket, address = text.rpartition("<")
    if bracket and not address.endswith(">"):
        raise Unusable("%(name)s must be ADDRESS or NAME <ADDRESS>", name=SENDER)
    spec = (address.removesuffix(">") if bracket else text).strip()
    local, at, domain = spec.rpartition("@")
    try:
        sender = Address(addr_spec=f"{local}@{ascii_host(domain)}")
    except (HeaderParseError, ValueError, IndexError):
        sender = None
    if not at or sender is None or not spec.rpartition("@")[0].isascii() or sender.username != local:
        raise Unusable(
            "%(name)s must be ADDRESS or NAME <ADDRESS>, with an address such as api@example.com", name=SENDER
        )
    normal_host(SENDER, sender.domain)
    return str(Address(unquoted(name.strip()), sender.username, sender.domain))


def unquoted(name: str) -> str:
    """Return a display name without the quotes and backslashes that a header adds (RFC 5322, 3.2.4)."""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1].replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")
    if any(mark in name for mark in '"<>\\'):
        raise Unusable("%(name)s: the name must not contain quotes, “<”, “>” or backslashes", name=SENDER)
    return name
