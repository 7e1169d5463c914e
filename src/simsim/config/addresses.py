"""Addresses in the operator's settings: checked and normalized."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from simsim.credential import allowlist
from simsim.problem import Unusable

BASE_URL, API_URL = "SIMSIM_BASE_URL", "SIMSIM_API_URL"
BREACHED_PASSWORDS_URL, SECURITY_CONTACT = "SIMSIM_BREACHED_PASSWORDS_URL", "SIMSIM_SECURITY_CONTACT"
DEFAULT_PORTS = {"http": 80, "https": 443}
# A list that covers large parts of an address family is a mistake wherever a network is trusted (T2).
WIDEST_TRUSTED_PREFIX = {4: 8, 6: 16}
_is_of_url_characters = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*").fullmatch  # RFC 3986, section 2
_is_label = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?").fullmatch  # RFC 1123, section 2.1
_has_broken_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search


def split_url(name: str, url: str, schemes: set[str]) -> SplitResult:
    """Return a URL's parts; raise Unusable unless it has one of the schemes, a host, and a valid port or none."""
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # "[" without an IPv6 address, an invalid port
        is_usable = False
    if not is_usable or parts.scheme not in schemes:
        raise Unusable(
            "%(name)s must be a URL that starts with %(schemes)s and has a host, and a port up to 65535 or none",
            name=name,
            schemes=" or ".join(sorted(f"{scheme}://" for scheme in schemes)),
        )
    if parts.netloc.endswith(":"):
        raise Unusable("%(name)s: the port after “:” is missing", name=name)
    return parts


def normal_base_url(url: str) -> str:
    """Return the console's address as a browser writes an origin; every link begins with it (RFC 6454, section 6.1).

    Raises Unusable for any other text: a browser would write another origin, and the console would refuse its forms.
    """
    parts = split_url(BASE_URL, url, set(DEFAULT_PORTS))
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise Unusable("%(name)s must not contain a user, “?” or “#”", name=BASE_URL)
    if parts.path not in {"", "/"}:
        raise Unusable(
            "%(name)s: the console needs its own host or port, without the path “%(path)s”",
            name=BASE_URL, path=parts.path,
        )  # fmt: skip
    host = normal_host(BASE_URL, parts.hostname or "")
    if host in {"0.0.0.0", "[::]"}:  # noqa: S104 - refused
        raise Unusable("%(name)s: nobody can open %(host)s: give the name that people type", name=BASE_URL, host=host)
    port = "" if parts.port in {None, DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def normal_host(name: str, host: str) -> str:
    """Return a host in lower case and ASCII, with brackets for IPv6; raise Unusable for a text that is no host."""
    if ":" in host:
        try:
            # Refuse a zone, as browsers do: http://[fe80::1%eth0].
            return f"[{ipaddress.IPv6Address(host.replace('%', ' '))}]"
        except ValueError:
            raise Unusable("%(name)s: [%(host)s] is not an IPv6 address", name=name, host=host) from None
    text = ascii_host(host).removesuffix(".")
    labels = text.split(".")
    # A browser expands 127.1 and 0x7f.1 to full addresses, so a host that ends in a number must be a complete IPv4
    # address.
    is_number = labels[-1].isdigit() or labels[-1].startswith("0x")
    if len(text) > 253 or not all(map(_is_label, labels)) or (is_number and not is_ipv4(text)):
        raise Unusable("%(name)s: “%(host)s” is neither a host name nor an address", name=name, host=host)
    return text


def ascii_host(host: str) -> str:
    """Return a host name as DNS and browsers write it (UTS 46), "" if it has no such form."""
    if host.isascii():
        return host.lower()
    import idna  # noqa: PLC0415 - its tables take 10 ms to load, and are seldom needed

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return ""


def is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def prove_api_url(url: str) -> None:
    """Raise Unusable for a URL to which no path can be appended, or that would show a password to every caller."""
    prove_characters(API_URL, url)
    parts = split_url(API_URL, url, set(DEFAULT_PORTS))
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise Unusable("%(name)s must be a URL with a host, without a user, “?” or “#”", name=API_URL)
    normal_host(API_URL, parts.hostname or "")


def prove_range_url(url: str) -> None:
    """Raise Unusable unless the text is empty or an https URL: the answer decides which passwords are refused."""
    if not url:
        return
    prove_characters(BREACHED_PASSWORDS_URL, url)
    parts = split_url(BREACHED_PASSWORDS_URL, url, {"https"})
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise Unusable("%(name)s must not contain a user, “?” or “#”", name=BREACHED_PASSWORDS_URL)


def prove_https_url(name: str, url: str) -> None:
    """Raise Unusable unless the text is an https URL without a user and a fragment."""
    prove_characters(name, url)
    parts = split_url(name, url, {"https"})
    if "@" in parts.netloc or "#" in url:
        raise Unusable("%(name)s must not contain a user or “#”", name=name)


def prove_contact(contact: str) -> None:
    """Raise Unusable unless the text is empty, an https URL or a mailto URL (RFC 9116, section 2.5.3)."""
    if not contact:
        return
    prove_characters(SECURITY_CONTACT, contact)
    is_mail = contact.startswith("mailto:") and "@" in contact
    if (not is_mail and not urlsplit(contact).hostname) or not contact.startswith(("mailto:", "https://")):
        raise Unusable(
            "%(name)s must be https://… or mailto:…, such as mailto:security@example.com", name=SECURITY_CONTACT
        )


def prove_path(name: str, path: str) -> None:
    prove_characters(name, path)
    if not path.startswith("/") or "#" in path:
        raise Unusable("%(name)s must be a path that starts with “/”", name=name)


def prove_characters(name: str, text: str) -> None:
    if not _is_of_url_characters(text) or _has_broken_escape(text):
        raise Unusable("%(name)s contains a character that is not allowed in a URL: percent-encode it", name=name)


def prove_percent_encoded(name: str, text: str) -> None:
    """Raise Unusable if a “%” does not begin an escape, because parsers would read it differently."""
    if _has_broken_escape(text) or any(character.isspace() or not character.isprintable() for character in text):
        raise Unusable("%(name)s: write “%%” as %%25, and percent-encode spaces and control characters", name=name)


def trusted_networks(texts: Iterable[str]) -> bytes:
    """Return SIMSIM_TRUSTED_PROXIES as packed ranges (see `credential.allowlist`); raise Unusable."""
    return packed_networks("SIMSIM_TRUSTED_PROXIES", texts, too_wide="would let callers choose their own address")


def packed_networks(name: str, texts: Iterable[str], *, too_wide: str) -> bytes:
    """Return the networks as packed ranges (see `credential.allowlist`); raise Unusable for a bad or too wide one."""
    networks = []
    for text in texts:
        network = allowlist.parse_network(text)
        if isinstance(network, allowlist.Fault):
            raise Unusable("%(name)s: %(fault)s", name=name, fault=str(network))
        if network.prefixlen < WIDEST_TRUSTED_PREFIX[network.version]:
            raise Unusable("%(name)s: %(network)s %(why)s", name=name, network=text, why=too_wide)
        networks.append(network)
    return allowlist.pack(networks)
