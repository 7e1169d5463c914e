"""Slows guesses at one person's password, from however many addresses, without locking the person out (ASVS 6.3.1)."""

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from simsim.accounts.models import normal_email
from simsim.console.security import known_browsers

# From all browsers with which the person has never signed in: 1,920 guesses in a day, and a good password withstands
# 100 million. A browser that the person knows has a limit of its own, which strangers can't use up.
ACTION = "guesses_at_a_person"
RATES = {ACTION: "20/15m/key"}


def attempt(request: HttpRequest, email: str) -> ratelimit.RateLimitUsage | None:
    """Count an attempt to sign in from a strange browser; return None if there were too many.

    Roll the result back after a success. An unknown address is counted like a known one, so that nobody can tell them
    apart.
    """
    if known_browser_of(request, email):
        return ratelimit.RateLimitUsage(usage=[])
    return ratelimit.consume(request, app="allauth.account", action=ACTION, config=RATES, key=normal_email(email))


def known_browser_of(request: HttpRequest, email: str) -> str:
    """Return the id of a browser that the person with that address has used; "" for any other browser."""
    return known_browsers.browser_id(request, normal_email(email))
