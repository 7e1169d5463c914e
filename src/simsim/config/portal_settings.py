"""The operator's own product that opens the console, from the settings."""

import re
from collections.abc import Iterable
from pathlib import Path

from simsim.accounts.portal_look import PLAIN, PortalLook, contrast_with_white, origin_of
from simsim.problem import Unusable

NAME, COLOUR, LOGO = "SIMSIM_PORTAL_NAME", "SIMSIM_PORTAL_COLOUR", "SIMSIM_PORTAL_LOGO"
ORIGINS = "SIMSIM_PORTAL_RETURN_ORIGINS"
MAX_NAME_LENGTH = 40
MAX_LOGO_BYTES = 100_000
LEAST_CONTRAST = 4.5
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_is_colour = re.compile(r"#[0-9a-f]{6}").fullmatch


def read_portal(*, name: str, colour: str, logo: str, origins: Iterable[str], minutes: int) -> PortalLook:
    """Return the look; raise Unusable, in one line that names the setting, for a bad value."""
    for text in origins:
        if origin_of(text) != text or (text.startswith("http://") and not is_here(text)):
            raise Unusable(
                "%(name)s: “%(text)s” is not an origin such as https://app.example.com", name=ORIGINS, text=text
            )
    if origins and not name:
        raise Unusable("%(origins)s is set, and %(name)s is not", origins=ORIGINS, name=NAME)
    if not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise Unusable("%(name)s must have at most %(most)s characters", name=NAME, most=str(MAX_NAME_LENGTH))
    shown = colour.lower() or PLAIN
    if not _is_colour(shown):
        raise Unusable("%(name)s must be a colour such as #0b6e5d", name=COLOUR)
    if contrast_with_white(shown) < LEAST_CONTRAST:
        found = f"{contrast_with_white(shown):.1f}"
        raise Unusable(
            "%(name)s: white text on it has a contrast of %(found)s, and 4.5 is the least: choose a darker colour",
            name=COLOUR, found=found,
        )  # fmt: skip
    return PortalLook(name, shown, prove_logo(logo), frozenset(origins), minutes)


def is_here(origin: str) -> bool:
    return origin.split("//")[1].split(":", maxsplit=1)[0] in {"localhost", "127.0.0.1"}


def prove_logo(text: str) -> Path | None:
    """Return the file, or None if there is none; raise Unusable if it is missing, too large, or neither SVG nor PNG."""
    if not text:
        return None
    path = Path(text)
    try:
        size = path.stat().st_size
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Unusable("%(name)s: %(path)s can't be read (%(reason)s)", name=LOGO, path=text, reason=reason) from error
    if path.suffix.lower() not in LOGO_TYPES or size > MAX_LOGO_BYTES:
        raise Unusable("%(name)s must be a file .svg or .png of at most 100 kB", name=LOGO)
    return path
