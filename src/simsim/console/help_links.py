"""The page of the documentation that explains the page of the console that one is on."""

from django.urls import reverse

TOKENS, PEOPLE, LOGS, USAGE = (f"administrators/{page}.html" for page in ("tokens", "people", "logs", "usage"))
NOTICES, CONNECT = "administrators/notices.html", "integrators/connect.html"
# By the part of the account that the address lies in.
PAGES = {
    "destinations": "administrators/index.html",
    "api": "administrators/index.html",
    "tokens": TOKENS,
    "ask": PEOPLE + "#when-a-member-asks-for-a-token",
    "requests": PEOPLE + "#when-a-member-asks-for-a-token",
    "people": PEOPLE,
    "notices": NOTICES,
    "logs": LOGS,
    "usage": USAGE,
    "connect": CONNECT,
}


def help_url(section: str) -> str:
    """Return the address of the page that explains a section of an account; the first page where none does."""
    return reverse("console:documentation_start") + PAGES.get(section, "")
