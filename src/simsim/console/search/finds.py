"""What a text finds in an account, in groups, for what the person may see."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext

from simsim.account_log.requests import find_request
from simsim.accounts.people import people_with
from simsim.accounts.permissions import Permission, granted
from simsim.console.account_access import AccountAccess
from simsim.console.search.doc_titles import folded_words, titles_with
from simsim.console.tokens.search import tokens_of
from simsim.credential.password import holds_one, whole_ones
from simsim.problem import NotFound
from simsim.tokens.attention import tokens_with
from simsim.tokens.models import Status, Token

MOST = 6
# Ids of requests are 64 bits wide.
MAX_ID_DIGITS, MAX_ID = 19, 2**63


@dataclass(frozen=True)
class Find:
    """One thing that was found: what it is called, where it is, and what else to say about it."""

    name: str
    url: str
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Finds of one kind; `more` is where the rest of them is, "" if these are all."""

    title: str
    icon: str
    finds: list[Find]
    more: str = ""


def finds_of(text: str, access: AccountAccess) -> list[Group]:
    """Return the groups in which something was found. A password finds only its token."""
    may = granted(access.actor, access.account)
    groups = []
    if holds_one(text):
        if Permission.MANAGE_TOKENS in may:
            groups.append(with_password(text, access))
    else:
        if Permission.VIEW_TOKENS in may:
            groups.append(tokens(text, access))
        if Permission.VIEW_LOG in may:
            groups.append(Group(gettext("Requests"), "scroll-text", list(requests(text, access))))
        if Permission.MANAGE_PEOPLE in may:
            groups.append(people(text, access))
        groups.append(documentation(text))
    return [group for group in groups if group.finds]


def with_password(text: str, access: AccountAccess) -> Group:
    found = tokens_of(whole_ones(text), access)
    finds = [Find(token.name, token_url(access, token), said) for token, said in found]
    return Group(gettext("Tokens"), "key-round", finds)


def tokens(text: str, access: AccountAccess) -> Group:
    found, are_more = tokens_with(text, account=access.account, actor=access.actor, most=MOST, now=access.now)
    rest = reverse("console:tokens", args=[access.account.pk]) + "?" + urlencode({"q": text}) if are_more else ""
    finds = [Find(token.name, token_url(access, token), token_note(token, access)) for token in found]
    return Group(gettext("Tokens"), "key-round", finds, rest)


def token_url(access: AccountAccess, token: Token) -> str:
    return reverse("console:token", args=[access.account.pk, token.pk])


def token_note(token: Token, access: AccountAccess) -> str:
    states = {
        Status.ACTIVE: gettext("Active"), Status.PAUSED: gettext("Paused"),
        Status.EXPIRED: gettext("Expired"), Status.REVOKED: gettext("Revoked"),
    }  # fmt: skip
    parts = [states[token.status(access.now)], token.software.name if token.software else "", token.description]
    return " · ".join(part for part in parts if part)


def requests(text: str, access: AccountAccess) -> Iterator[Find]:
    """Yield the request with this id, and the log filtered by this address or path."""
    log = reverse("console:logs", args=[access.account.pk])
    if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS and int(text) < MAX_ID:
        try:
            found = find_request(int(text), actor=access.actor, account=access.account)
        except NotFound:
            return
        url = reverse("console:logged_request", args=[access.account.pk, found.pk])
        yield Find(f"{found.method} {found.resource}", url, gettext("The request with the id %s") % found.pk)
    elif text.startswith("/"):
        path = text.rstrip("*")
        url = f"{log}?{urlencode({'endpoint': path + '*'})}"
        yield Find(path, url, gettext("Requests whose path begins like this"))
    elif address := address_in(text):
        yield Find(address, f"{log}?{urlencode({'address': address})}", gettext("Requests from this address"))
        chosen = reverse("console:token_selection", args=[access.account.pk]) + "?" + urlencode({"allows": address})
        yield Find(address, chosen, gettext("Tokens that let this address in"))


def address_in(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def people(text: str, access: AccountAccess) -> Group:
    found = people_with(text, account=access.account, actor=access.actor, most=MOST)
    page = reverse("console:people", args=[access.account.pk])
    finds = [Find(each.user.email, f"{page}#person-{each.user_id}", each.get_role_display()) for each in found]
    return Group(gettext("People"), "users", finds)


def documentation(text: str) -> Group:
    start = reverse("console:documentation_start")
    found = titles_with(folded_words(text), most=MOST)
    finds = [Find(each.title, start + each.address, each.page if each.page != each.title else "") for each in found]
    return Group(gettext("Documentation"), "book-open", finds)
