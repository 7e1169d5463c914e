"""Logged requests for the pages: each with the meaning of its status, its token as it is now, and advice."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address

from django.utils.translation import gettext, ngettext

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.console.logs.advice import Advice, advice
from simsim.credential.allowlist import parse_address
from simsim.credential.decision import Cause
from simsim.problem import gettext_noop
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.sentences import sentence
from simsim.request_log.short_addresses import is_short
from simsim.tokens.models import Token
from simsim.tokens.selectors import tokens_of

# nginx logs these statuses for requests that got no response, or only a response by nginx itself.
MEANINGS_OF_NGINX = {
    444: gettext_noop("Closed without a response"),
    494: gettext_noop("Request header too large"),
    495: gettext_noop("Invalid client certificate"),
    496: gettext_noop("Client certificate required"),
    497: gettext_noop("HTTP request sent to an HTTPS port"),
    499: gettext_noop("Closed by the client"),
}
MAX_OFFERED_TOKENS = 200
NOT_AMONG_ONE = gettext_noop("The address %(address)s is not in the only network that “%(token)s” allows.")
NOT_AMONG_SEVERAL = gettext_noop(
    "The address %(address)s is not in any of the %(count)d networks that “%(token)s” allows."
)
ALLOWED_SINCE = gettext_noop(
    "The address %(address)s was not in the networks that “%(token)s” allowed at the time, but it is now."
)


@dataclass(frozen=True)
class LogRow:
    """One request; `token` is the account's token that was used, as it is now."""

    request: LoggedRequest
    token: Token | None
    account_id: uuid.UUID
    now: datetime

    @property
    def meaning(self) -> str:
        return meaning(self.request.status)

    @property
    def sentence(self) -> str:
        """The result and its reason; for an address that was not allowed, with the number of networks allowed now."""
        token, address = self.token, None if self.is_shortened else self.request.address
        if self.request.cause != Cause.ADDRESS_NOT_ALLOWED or token is None or not address or not token.networks:
            return sentence(self.request)
        # The log stores the reason but not the list. If the list now allows the address, the number of its networks
        # would be misleading.
        parsed = parse_address(address)
        if parsed is not None and any(ip_address(parsed.text) in network for network in token.networks):
            text = gettext(ALLOWED_SINCE)
        else:
            text = ngettext(NOT_AMONG_ONE, NOT_AMONG_SEVERAL, len(token.networks))
        return text % {"address": address, "count": len(token.networks), "token": token.name}

    @property
    def is_shortened(self) -> bool:
        """Whether the address is the network that is left of an old one."""
        return is_short(self.request.address)

    @property
    def is_refused(self) -> bool:
        return self.request.outcome == Outcome.REFUSED

    @property
    def is_outside(self) -> bool:
        """Whether it was let in only because the token's list is report-only."""
        return self.request.cause in {Cause.OUTSIDE_ALLOWLIST, Cause.PREVIOUS_AND_OUTSIDE}

    @property
    def is_beyond(self) -> bool:
        """Whether it was let in only because the token's limits are report-only."""
        return self.request.cause in {Cause.OUTSIDE_LIMITS, Cause.PREVIOUS_AND_LIMITS}

    @property
    def has_failed(self) -> bool:
        """Whether it was let in, and the API answered with an error."""
        return not self.is_refused and (self.request.status or 0) >= HTTPStatus.BAD_REQUEST

    @property
    def name_then(self) -> str:
        """The token's name at the time of the request, "" if that is still its name."""
        then = self.request.token_name or ""
        return "" if self.token is not None and self.token.name == then else then

    @property
    def advice(self) -> Advice | None:
        return advice(self.request, self.token, account_id=self.account_id, now=self.now)


@dataclass(frozen=True)
class OfferedTokens:
    """The tokens in the filter's list; `left_out`: the account has too many to list them all."""

    active: list[Token]
    ended: list[Token]
    left_out: bool


def rows(requests: Iterable[LoggedRequest], *, account: Account, actor: Actor, now: datetime) -> list[LogRow]:
    """Return the requests with their tokens, in one query for any number of requests."""
    listed = list(requests)
    wanted = {request.token_id for request in listed if request.token_id}
    own = {token.pk: token for token in tokens_of(account, actor=actor, status=None, now=now).filter(pk__in=wanted)}
    return [
        LogRow(request, own.get(request.token_id) if request.token_id else None, account.pk, now) for request in listed
    ]


def meaning(status: int | None) -> str:
    """Return the meaning of an HTTP status, "" for an undefined status."""
    if status is None:
        return ""
    if status in MEANINGS_OF_NGINX:
        return gettext(MEANINGS_OF_NGINX[status])
    try:
        return gettext(HTTPStatus(status).phrase)
    except ValueError:
        return ""


def offered_tokens(account: Account, *, actor: Actor, chosen: Token | None, now: datetime) -> OfferedTokens:
    """Return the account's tokens by name, ended ones too; the chosen one is always included."""
    by_name = tokens_of(account, actor=actor, status=None, now=now).order_by("name", "created_at", "pk")
    found = list(by_name[: MAX_OFFERED_TOKENS + 1])
    offered = found[:MAX_OFFERED_TOKENS]
    if chosen is not None and chosen not in offered:
        offered.append(chosen)
    active = [token for token in offered if not token.has_ended(now)]
    ended = [token for token in offered if token.has_ended(now)]
    return OfferedTokens(active, ended, len(found) > MAX_OFFERED_TOKENS)
