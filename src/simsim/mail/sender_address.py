"""The sender from the settings, in ASCII, as headers and envelopes need it."""

from dataclasses import dataclass
from email.header import Header
from email.utils import quote

FALLBACK_DOMAIN = "localhost"
# The characters that RFC 5322 allows in an unquoted display name, and the space.
_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ")


class UnusableSender(Exception):
    """SIMSIM_EMAIL_FROM contains no usable sender address; the operator can correct it."""


@dataclass(frozen=True)
class Sender:
    """A display name, "" without one, and an address; `domain` is in ASCII, as in DNS."""

    name: str
    local: str
    domain: str

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def header(self) -> str:
        """The sender as a header value: a name with a comma is quoted, a name beyond ASCII encoded."""
        if not self.name:
            return self.address
        if not self.name.isascii() or "=?" in self.name:
            return f"{Header(self.name, 'utf-8', header_name='From').encode(linesep='')} <{self.address}>"
        name = self.name if set(self.name) <= _PLAIN else f'"{quote(self.name)}"'
        return f"{name} <{self.address}>"


def parse_sender(text: str) -> Sender | None:
    """Return the sender in a text such as `Acme, Inc. <api@acme.example>`, or None if it contains no usable address.

    Unlike in a header, the display name needs no quotes: it is everything before the last "<".
    """
    name, bracket, rest = text.strip().rpartition("<")
    address = rest.removesuffix(">") if bracket else text.strip()
    local, at, domain = address.strip().rpartition("@")
    domain_in_ascii = ascii_domain(domain)
    if (bracket and not rest.endswith(">")) or not at or domain_in_ascii is None or not _is_local(local):
        return None
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return Sender(" ".join(name.split()), local, domain_in_ascii) if name.isprintable() else None


def ascii_domain(domain: str) -> str | None:
    """Return a domain in ASCII (IDNA), or None if the text is not a domain."""
    try:
        encoded = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    is_one = encoded.isprintable() and not set(encoded) & set(' <>@",;:\\()') and encoded.strip(".") == encoded != ""
    return encoded if is_one or (encoded.startswith("[") and encoded.endswith("]")) else None


def _is_local(local: str) -> bool:
    # A local part that is not ASCII would need SMTPUTF8 on every server on the way.
    return local.isascii() and local.isprintable() and local != "" and not set(local) & set(' <>@",;:\\()[]')
