"""Where a person signs in from: their address, and their browser in words."""

import re

from django.http import HttpRequest

from simsim.accounts.client_address import address_of
from simsim.accounts.sign_in_changes import Place

# In this order: Edge and Opera also call themselves Chrome, and Chrome calls itself Safari.
BROWSERS = {
    "Edge": r"Edg(?:e|A|iOS)?/", "Opera": r"OPR/|Opera", "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"Firefox/|FxiOS/", "Chrome": r"Chrome/|CriOS/|HeadlessChrome/", "Safari": r"Safari/",
}  # fmt: skip
SYSTEMS = {
    "Android": r"Android", "iPhone": r"iPhone", "iPad": r"iPad", "Windows": r"Windows", "macOS": r"Mac OS X|Macintosh",
    "ChromeOS": r"CrOS", "Linux": r"Linux|X11",
}  # fmt: skip


def place_of(request: HttpRequest | None) -> Place:
    """Return the address and the browser of a request; the browser's own text is never shown or stored."""
    if request is None:
        return Place()
    address = address_of(request)
    return Place(address.text if address else "", browser_name(request.headers.get("User-Agent", "")))


def browser_name(user_agent: str) -> str:
    """Return a name such as “Firefox on Windows”; "" for a browser that is not known."""
    browser = named(BROWSERS, user_agent)
    system = named(SYSTEMS, user_agent)
    return f"{browser} on {system}" if browser and system else browser or system


def named(patterns: dict[str, str], text: str) -> str:
    return next((name for name, pattern in patterns.items() if re.search(pattern, text)), "")
