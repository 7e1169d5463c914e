"""The search above the list of tokens: words filter the list, and a password finds its token."""

from collections.abc import Iterator
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
from simsim.tokens.models import Token
from simsim.tokens.rotation_overlap import PasswordState, password_state
from simsim.tokens.selectors import find_by_password

# In the list's URL, these stand for a password without a token; the password itself never appears in a URL.
UNKNOWN, INCOMPLETE = "unknown", "incomplete"
MAX_PASSWORDS = 10
FOUND = {
    PasswordState.CURRENT: gettext_noop(
        "The password you searched for belongs to this token. It is the current one and works."
    ),
    PasswordState.PREVIOUS: gettext_noop(
        "The password you searched for belongs to this token. It was replaced, but still works."
    ),
    PasswordState.PAUSED: gettext_noop(
        "The password you searched for belongs to this token. It does not work while the token is paused."
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
    """Redirect to the list of matching tokens, or to the token with the pasted password.

    By POST: with GET, the password would stay in the address bar, the history and the logs of proxies.
    """
    sent = access.request.POST
    if holds_one(sent.get("q", "")):
        return look_up(access, whole_ones(sent["q"]))
    return to_list(access, {name: sent.get(name, "") for name in ("q", "software", "attention")})


def look_up(access: AccountAccess, passwords: list[str]) -> HttpResponse:
    """Redirect to the account's first token with one of the passwords, or to a list that says that no token has one."""
    for token, said in tokens_of(passwords, access):
        say_once(access.request, said)
        address = reverse("console:token", args=[access.account.pk, token.pk])
        # htmx would follow a redirect and put the token's page in place of the list.
        return HttpResponseClientRedirect(address) if access.request.headers.get("HX-Request") else redirect(address)
    return to_list(access, {"password": UNKNOWN if passwords else INCOMPLETE})


def tokens_of(passwords: list[str], access: AccountAccess) -> Iterator[tuple[Token, str]]:
    """Yield the account's token of each of the first passwords, and what to say of the password."""
    for password in passwords[:MAX_PASSWORDS]:
        token = find_by_password(password, actor=access.actor, account=access.account)
        if token is not None:
            yield token, gettext(FOUND[password_state(token, password, now=access.now)])


def say_once(request: HttpRequest, text: str) -> None:
    """Show a message once on the next page, although both Enter and the pause after typing send the form."""
    waiting = messages.get_messages(request)
    is_waiting = any(each.message == text for each in waiting)
    if isinstance(waiting, BaseStorage):
        waiting.used = False  # only read here, and still to be shown
    if not is_waiting:
        say(request, text)


def to_list(access: AccountAccess, asked: dict[str, Any]) -> HttpResponse:
    """Redirect to the list, with the search in its URL."""
    query = urlencode({name: value for name, value in asked.items() if value})
    address = reverse("console:tokens", args=[access.account.pk])
    return redirect(f"{address}?{query}" if query else address)
