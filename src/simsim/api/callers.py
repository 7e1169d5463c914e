"""Who calls the management API: a person with the console's cookie, or a program with a management token."""

import binascii
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, QueryDict
from ninja.utils import check_csrf

from simsim.accounts.client_address import address_of
from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, actor_of
from simsim.accounts.recent_authentication import is_from_portal
from simsim.credential.allowlist import Address
from simsim.management_problem import NotSentByThisSite, Unauthenticated
from simsim.management_tokens.authentication import actor_of_token, authenticate
from simsim.management_tokens.models import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PERSON_SCOPES = frozenset({Scope.READ, Scope.TOKENS, Scope.PEOPLE})
MAX_HEADER_CHARACTERS = 1024


@dataclass(frozen=True)
class Caller:
    """Who sent a request: `client` names them for rate limits and Idempotency-Keys.

    A program acts in its `account` only; None means each account of the person, or no account for the operator.
    """

    actor: Actor
    client: str
    scopes: frozenset[Scope]
    account: Account | None = None
    is_session: bool = False

    @property
    def account_id(self) -> uuid.UUID | None:
        return self.account.pk if self.account else None

    @property
    def is_operator(self) -> bool:
        return self.scopes == {Scope.OPERATOR}


def identify(request: HttpRequest, now: datetime) -> Caller:
    """Return the caller; raise Unauthenticated, or NotSentByThisSite for a change without the CSRF header.

    A request with an Authorization header never falls back to the cookie: a program with a wrong password must notice.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        return program(header, address_of(request), now)
    user = request.user
    if not isinstance(user, User) or not user.is_active or is_from_portal(request):
        raise Unauthenticated
    request.POST = QueryDict()  # Django would look for the CSRF token in a form, and fail on a broken one
    if request.method not in SAFE_METHODS and check_csrf(request) is not None:
        raise NotSentByThisSite
    return Caller(actor_of(user), f"user:{user.pk}", PERSON_SCOPES, is_session=True)


def program(header: str, address: Address | None, now: datetime, *, takes_bearer: bool = False) -> Caller:
    """Return the caller with a management token; raise Unauthenticated.

    With `takes_bearer`, its password may also come alone as a bearer token (RFC 6750), as identity providers send it.
    """
    found = bearer(header) if takes_bearer and header[:7].lower() == "bearer " else user_pass(header)
    token = authenticate(*found, address=address, now=now) if found else None
    if token is None:
        raise Unauthenticated
    return Caller(actor_of_token(token), f"management:{token.pk}", token.granted, token.account)


def bearer(header: str) -> tuple[None, str]:
    """Return no username, and the token of a Bearer header."""
    return None, header[7:].strip(" ")


def user_pass(header: str) -> tuple[str, str] | None:
    """Return username and password of a Basic header (RFC 7617), None for anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > MAX_HEADER_CHARACTERS:
        return None
    try:
        text = binascii.a2b_base64(encoded.strip(" ").encode("ascii"), strict_mode=True).decode()
    except ValueError:
        return None
    username, colon, password = text.partition(":")
    return (username, password) if colon else None
