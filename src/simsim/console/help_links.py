"""Links from the console's pages to the documentation pages that explain them."""

from django.urls import reverse

TOKENS, PEOPLE, LOGS, USAGE = (f"administrators/{page}.html" for page in ("tokens", "people", "logs", "usage"))
AUDIT = "administrators/audit.html"
NOTICES, WEBHOOKS = "administrators/notices.html", "integrators/webhooks.html"
CONNECT = "integrators/connect.html"
# By section: see `Navigation.section`.
PAGES = {
    "destinations": "administrators/index.html",
    "api": "administrators/index.html",
    "tokens": TOKENS,
    "search": "administrators/index.html#search",
    "hand-over": TOKENS,
    "ask": PEOPLE + "#when-a-member-asks-for-a-token",
    "requests": PEOPLE + "#when-a-member-asks-for-a-token",
    "people": PEOPLE,
    "notices": NOTICES,
    "policies": "administrators/policies.html",
    "access-reviews": "administrators/access-reviews.html",
    "incident": "security/incident.html",
    "audit": AUDIT,
    "management-tokens": "integrators/management-api.html",
    "webhooks": WEBHOOKS,
    "logs": LOGS,
    "usage": USAGE,
    "connect": CONNECT,
    "operator": "operators/health.html#pages-for-operators",
    "security": "administrators/sign-in.html",
}


def help_url(section: str) -> str:
    """Return the URL of the page that explains a section, or of the start page if no page does."""
    return reverse("console:documentation_start") + PAGES.get(section, "")
