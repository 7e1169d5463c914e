"""What a program may ask with the token that it holds (B15): whose it is, when it expires, and a new password."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from simsim.accounts.client_address import address_of
from simsim.api import rate_limits
from simsim.api.callers import Caller
from simsim.api.calls import Call, Door, read_request
from simsim.api.documents import OwnToken, Rotation, TokenWithCredentials
from simsim.api.etags import etag_of
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.tokens import document_of, overlap_of
from simsim.audit.events import Event
from simsim.credential import basic, bearer
from simsim.credential.decision import Credentials
from simsim.management_problem import SelfRotationOff, Unauthenticated
from simsim.problem import AccountClosed, RotatedMeanwhile
from simsim.rfc3339 import format_time
from simsim.tokens.counted_usage import usage_of
from simsim.tokens.models import Token
from simsim.tokens.presented import present
from simsim.tokens.selectors import overlap_ends
from simsim.tokens.self_rotation import PROGRAM, rotate_own_password

TAG = "Your own token"


@dataclass(frozen=True)
class OwnCall(Call):
    """A call with a token's own credentials; `proof` is the digest of the password that was sent."""

    token: Token
    proof: bytes

    @property
    def is_current_password(self) -> bool:
        return bytes(self.token.digest) == self.proof


class OwnTokenDoor(Door):
    """Admits whoever the gate would admit from here now, and nobody else."""

    security: ClassVar = ("ownToken",)

    def __call__(self, request: HttpRequest) -> OwnCall:
        now = timezone.now()
        header = request.headers.get("Authorization", "").encode("utf-8", "replace")
        parse = bearer.parse_either if settings.OPERATOR.accept_bearer else basic.parse
        credentials = parse([header], admits_foreign=True)
        if not isinstance(credentials, Credentials):
            raise Unauthenticated
        token = holder(credentials, request, now)
        client = f"token:{token.pk}"
        rate_limits.count(request, client)
        key = read_request(request, self._rule)
        caller = Caller(PROGRAM, client, frozenset(), token.account)
        return OwnCall(request, caller, PROGRAM, token.account, now, key, token, credentials.digest)


def holder(credentials: Credentials, request: HttpRequest, now: datetime) -> Token:
    """Return the token whose password was sent; raise Unauthenticated where the gate would refuse."""
    found = present(credentials, address=address_of(request), now=now)
    if found.token is None or not found.opens_the_gate:
        raise Unauthenticated
    return found.token


@operation(
    "GET", "/self", tag=TAG, scopes=frozenset(), audit="A program asks about itself.", answer=OwnToken,
    door=OwnTokenDoor,
)  # fmt: skip
def get_own_token(call: OwnCall) -> Answer:
    """Return what you may know about the token whose credentials you send: its account, its expiry, its networks."""
    token = call.token
    usage = usage_of(token, call.now)
    return Answer(
        {
            "id": str(token.pk),
            "name": token.name,
            "account_id": str(token.account_id),
            "account_name": token.account.name,
            "expires_at": format_time(token.expires_at),
            "allowed_networks": list(token.allowed_networks),
            "limits": token.limit_rules,
            "rates": token.rate_rules,
            "used_today": None if usage is None else usage.total_today,
            "used_this_month": None if usage is None else usage.total_this_month,
            "report_only": token.report_only,
            "is_current_password": call.is_current_password,
            "previous_password_works_until": format_time(overlap_ends(token, now=call.now)),
            "may_rotate": token.account.programs_may_rotate and call.is_current_password,
        }
    )


@operation(
    "POST", "/self/rotate", tag=TAG, scopes=frozenset(), audit=Event.TOKEN_ROTATED, body=Rotation,
    answer=TokenWithCredentials, creates=True, is_secret=True, door=OwnTokenDoor,
    problems=(SelfRotationOff, RotatedMeanwhile, AccountClosed),
)  # fmt: skip
def rotate_own_token(call: OwnCall, body: Rotation) -> Answer:
    """Give your own token a new password, where the account allows it. The previous one keeps working for a while.

    Send an Idempotency-Key: if the answer is lost, the same request with the previous password gets it again.
    """
    token, credentials = rotate_own_password(
        token=call.token, proof=call.proof, overlap=overlap_of(body.overlap_seconds), now=call.now
    )
    document = document_of(call, token)
    secrets = {"username": credentials.username, "password": credentials.password}
    return Answer(document | secrets, {"ETag": etag_of(document)})
