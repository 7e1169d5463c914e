"""The search above the list of tokens: words lead to a list, and a password to the token that it belongs to."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.messages import say
from simsim.credential.password import holds_one, whole_ones
from simsim.problem import gettext_noop
from simsim.tokens.passwords import PasswordState, password_state
from simsim.tokens.selectors import find_by_password

# What the list says of a password that leads to no token; the password itself is in no address.
UNKNOWN, INCOMPLETE = "unknown", "incomplete"
MAX_PASSWORDS = 10
FOUND = {
    PasswordState.CURRENT: gettext_noop(
        "The password you searched for belongs to this token. It is the current one and works."
    ),
    PasswordState.PREVIOUS: gettext_noop(
        "The password you searched for belongs to this token. It was replaced, but still works."
    ),
    PasswordState.REPLACED: gettext_noop(
        "The password you searched for belonged to this token. It was replaced and no longer works."
    ),
    PasswordState.ENDED: gettext_noop("The password you searched for belongs to this token. It no longer works."),
}


@sensitive_post_parameters("q")
@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def search(access: AccountAccess) -> HttpResponse:
    """Lead to the list that the words find, or to the token that a pasted password belongs to.

    By POST: sent by GET, a password would rest in the address bar, in the history and in the logs of proxies.
    """
    sent = access.request.POST
    if holds_one(sent.get("q", "")):
        return look_up(access, whole_ones(sent["q"]))
    return to_list(access, {name: sent.get(name, "") for name in ("q", "software", "attention")})


def look_up(access: AccountAccess, passwords: list[str]) -> HttpResponse:
    """Lead to the first token of the account that has one of the passwords, else to a list that says that none has."""
    for password in passwords[:MAX_PASSWORDS]:
        token = find_by_password(password, actor=access.actor, account=access.account)
        if token is not None:
            say_once(access.request, gettext(FOUND[password_state(token, password, now=access.now)]))
            address = reverse("console:token", args=[access.account.pk, token.pk])
            # htmx would put the token's page into the place of the list.
            return (
                HttpResponseClientRedirect(address) if access.request.headers.get("HX-Request") else redirect(address)
            )
    return to_list(access, {"password": UNKNOWN if passwords else INCOMPLETE})


def say_once(request: HttpRequest, text: str) -> None:
    """Show a sentence on the next page, once though Enter and the pause after typing both send the form."""
    waiting = messages.get_messages(request)
    is_waiting = any(each.message == text for each in waiting)
    if isinstance(waiting, BaseStorage):
        waiting.used = False  # looked at, and still to be shown
    if not is_waiting:
        say(request, text)


def to_list(access: AccountAccess, asked: dict[str, Any]) -> HttpResponse:
    """Return a redirect to the list, with what was asked in its address."""
    query = urlencode({name: value for name, value in asked.items() if value})
    address = reverse("console:tokens", args=[access.account.pk])
    return redirect(f"{address}?{query}" if query else address)
