"""What a program may ask with the token that it holds (B15): whose it is, when it expires, and a new password."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.db.models import Q
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
from simsim.credential import allowlist, basic
from simsim.credential.decision import Credentials, Reason, Record, decide
from simsim.management_problem import SelfRotationOff, Unauthenticated
from simsim.problem import AccountClosed, RotatedMeanwhile
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token
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
        credentials = basic.parse([header], admits_foreign=True)
        if not isinstance(credentials, Credentials):
            raise Unauthenticated
        token = holder(credentials, request, now)
        client = f"token:{token.pk}"
        rate_limits.count(request, client)
        key = read_request(request, self._rule)
        caller = Caller(PROGRAM, client, frozenset(), token.account_id)
        return OwnCall(request, caller, PROGRAM, token.account, now, key, token, credentials.digest)


def holder(credentials: Credentials, request: HttpRequest, now: datetime) -> Token:
    """Return the token whose password was sent; raise Unauthenticated where the gate would refuse."""
    proof = credentials.digest
    found = Token.objects.select_related("account", "software").filter(Q(digest=proof) | Q(previous_digest=proof))
    token = found.first()
    record = record_of(token, proof) if token else None
    decision = decide(credentials, record, address=address_of(request), now=now)
    if token is None or decision.reason is not Reason.OK or token.account.closed_at is not None:
        raise Unauthenticated
    return token


def record_of(token: Token, proof: bytes) -> Record:
    """Return the token as the gate knows it, under the password that was sent."""
    is_current = bytes(token.digest) == proof
    return Record(
        token_id=str(token.pk),
        account_id=str(token.account_id),
        name=token.name,
        digest=bytes(token.digest) if is_current else bytes(token.previous_digest or b""),
        expires_at=token.expires_at,
        revoked=token.revoked_at is not None,
        allowlist=allowlist.pack(token.networks),
        superseded_at=None if is_current else token.previous_works_until,
        report_only=token.report_only,
    )


@operation(
    "GET", "/self", tag=TAG, scopes=frozenset(), audit="A program asks about itself.", answer=OwnToken,
    door=OwnTokenDoor,
)  # fmt: skip
def get_own_token(call: OwnCall) -> Answer:
    """Return what you may know about the token whose credentials you send: its account, its expiry, its networks."""
    token = call.token
    return Answer(
        {
            "id": str(token.pk),
            "name": token.name,
            "account_id": str(token.account_id),
            "account_name": token.account.name,
            "expires_at": format_time(token.expires_at),
            "allowed_networks": list(token.allowed_networks),
            "limits": token.limit_rules,
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
