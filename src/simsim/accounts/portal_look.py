"""How the console looks in sessions from the operator's product, and where people return to; from the settings."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MAX_RETURN_LENGTH = 500
PLAIN = "#0b6e5d"  # the console's own colour


@dataclass(frozen=True)
class PortalLook:
    """`name` is the product's, `colour` a hexadecimal one on which white text can be read, `logo` a file or None.

    Without `return_origins`, there are no portal links. `minutes` is how long a session lasts at most.
    """

    name: str = ""
    colour: str = PLAIN
    logo: Path | None = None
    return_origins: frozenset[str] = frozenset()
    minutes: int = 30


def origin_of(url: str) -> str:
    """Return the origin of a URL as a browser writes it, "" for anything but a usable http(s) URL."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, usual} else "")


def contrast_with_white(colour: str) -> float:
    """Return the contrast of white text on a colour (WCAG 2.2, 1.4.3): from 1 to 21."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
