"""How the log spells an address that was shortened to its network after some days: 203.0.113.0/24, 2001:db8:1::/48."""

from ipaddress import ip_network

from simsim.credential.allowlist import Address, parse_address

IPV4_BITS, IPV6_BITS = 24, 48
ENDINGS = (f"/{IPV4_BITS}", f"/{IPV6_BITS}")


def shortened(text: str) -> str:
    """Return the network around an address, or around a smaller network; any other text stays as it is."""
    address = parse_address(text.partition("/")[0])
    if address is None:
        return text
    return str(ip_network((address.text, IPV6_BITS if ":" in address.text else IPV4_BITS), strict=False))


def is_short(text: str | None) -> bool:
    """Whether the text is what is left of an address."""
    if text is None or not text.endswith(ENDINGS):
        return False
    return parse_address(text.partition("/")[0]) is not None and shortened(text) == text


def parse_place(text: str) -> str | None:
    """Return an address, or what is left of a shortened one, as the log spells it; None for any other text."""
    if is_short(text):
        return text
    address = parse_address(text)
    return address.text if address else None


def spellings_of(place: str) -> tuple[str, ...]:
    """Return the texts under which the log has the requests from an address: itself, and its network if it is old."""
    return tuple(dict.fromkeys((place, shortened(place))))


def ends_of(place: str) -> tuple[Address | None, ...]:
    """Return the address, or the first and the last address of a network; None stands for an unknown address."""
    if not is_short(place):
        return (parse_address(place),)
    network = ip_network(place)
    return parse_address(str(network[0])), parse_address(str(network[-1]))
