"""Answers reports of leaked passwords: a report of a complete password proves that strangers know it."""

import hmac
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.credential import management_password, password
from simsim.credential.digest import digest
from simsim.leak_reports import notices
from simsim.leak_reports.models import LeakReport
from simsim.management_tokens.actions import mark_management_token_revoked
from simsim.management_tokens.models import ManagementToken, State
from simsim.tokens.leaked_tokens import LeakResponse, stop_leaked_token
from simsim.tokens.models import Token

# This actor passes no permit(): the password itself is the permission.
REPORT = Actor("leak report")
UNKNOWN_SOURCE = "unknown"
MAX_SOURCE_LENGTH, MAX_PLACE_LENGTH = 40, 500
LOOK_UP_AT_ONCE = 500
_odd = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True)
class ReportedPassword:
    """A password that somebody found; `source` names who reports it, `place` where they found it."""

    password: str = field(repr=False)
    source: str = ""
    place: str = ""


@dataclass(frozen=True)
class Answered:
    """What was stopped: its id and name for people who may know them, and how."""

    subject_id: str
    name: str
    response: LeakResponse
    is_management_token: bool


def is_password(text: str) -> bool:
    """Whether the text has the form and the checksum of a token's or a management token's password."""
    return password.is_well_formed(text) or management_password.is_well_formed(text)


def report_leaks(reports: Iterable[ReportedPassword], *, now: datetime) -> list[Answered]:
    """Stop what the reported passwords open, and tell its administrators; return what was stopped.

    Only a whole password counts. A text that is none costs no look-up; a password that was reported before, or opens
    nothing any more, changes nothing. Each is answered in a transaction of its own.
    """
    by_digest = {digest(each.password): each for each in reports if is_password(each.password)}
    proofs = list(by_digest)
    found = []
    for begin in range(0, len(proofs), LOOK_UP_AT_ONCE):
        for proof in known(proofs[begin : begin + LOOK_UP_AT_ONCE]):
            answered = answer_leak(by_digest[proof], proof=proof, now=now)
            found += [answered] if answered else []
    return found


def known(proofs: list[bytes]) -> list[bytes]:
    """Return the digests that belong to a token or a management token, whether or not it works."""
    tokens = Token.objects.filter(Q(digest__in=proofs) | Q(previous_digest__in=proofs))
    ours = {bytes(each) for pair in tokens.values_list("digest", "previous_digest") for each in pair if each}
    management = ManagementToken.objects.filter(digest__in=proofs).values_list("digest", flat=True)
    ours |= {bytes(each) for each in management}
    return [proof for proof in proofs if proof in ours]


@transaction.atomic
def answer_leak(report: ReportedPassword, *, proof: bytes, now: datetime) -> Answered | None:
    """Stop what this password opens, record it and tell the administrators; None if there is nothing to stop."""
    if management_password.is_well_formed(report.password):
        return answer_management_leak(report, proof=proof, now=now)
    found = Token.objects.select_related("account").filter(Q(digest=proof) | Q(previous_digest=proof)).first()
    if found is None:
        return None
    # Of two reports of one password at once, the second waits here for the first.
    lock(found.account)
    token = Token.objects.select_related("account", "software").get(pk=found.pk)
    if is_repeat(proof):
        return None
    response = stop_leaked_token(token=token, proof=proof, actor=REPORT, now=now)
    if response is None:
        return None
    keep(report, proof=proof, account=token.account, subject_id=token.pk, now=now)
    notices.owe_leaked_token(token, response, source=source_of(report), actor=REPORT, now=now)
    record(report, response, account=token.account, subject_id=token.pk, name=token.name, now=now)
    return Answered(str(token.pk), token.name, response, is_management_token=False)


def answer_management_leak(report: ReportedPassword, *, proof: bytes, now: datetime) -> Answered | None:
    """Revoke the management token with this password, in the caller's transaction; None if it does not work."""
    token = ManagementToken.objects.select_related("account").filter(digest=proof).first()
    # Compare again: an index may compare by collation, but digests must be equal byte for byte.
    if token is None or not hmac.compare_digest(bytes(token.digest), proof) or token.state(now) != State.ACTIVE:
        return None
    if not mark_management_token_revoked(token, actor=REPORT, now=now):
        return None
    keep(report, proof=proof, account=token.account, subject_id=token.pk, now=now)
    notices.owe_leaked_management_token(token, source=source_of(report), actor=REPORT, now=now)
    record(report, LeakResponse.REVOKED, account=token.account, subject_id=token.pk, name=token.name, now=now)
    return Answered(str(token.pk), token.name, LeakResponse.REVOKED, is_management_token=True)


def lock(account: Account) -> None:
    Account.objects.select_for_update().filter(pk=account.pk).first()


def is_repeat(proof: bytes) -> bool:
    return LeakReport.objects.filter(digest=proof).exists()


def keep(
    report: ReportedPassword, *, proof: bytes, account: Account | None, subject_id: uuid.UUID, now: datetime
) -> None:
    LeakReport.objects.create(
        digest=proof, account=account, subject_id=subject_id, source=source_of(report), place=place_of(report),
        reported_at=now,
    )  # fmt: skip


def record(
    report: ReportedPassword,
    response: LeakResponse,
    *,
    account: Account | None,
    subject_id: uuid.UUID,
    name: str,
    now: datetime,
) -> None:
    recorder.record(
        Event.LEAK_REPORTED,
        actor=REPORT,
        account_id=account.pk if account else None,
        subject_id=str(subject_id),
        details={"name": name, "source": source_of(report), "place": place_of(report), "response": response.value},
        now=now,
    )


def source_of(report: ReportedPassword) -> str:
    """Return the source in lower case, without characters that a name does not have: senders spell it differently."""
    return _odd.sub("-", report.source.strip().lower()).strip("-")[:MAX_SOURCE_LENGTH] or UNKNOWN_SOURCE


def place_of(report: ReportedPassword) -> str:
    """Return the place in one line, with any password in it masked."""
    # PostgreSQL refuses U+0000 in any text.
    text = " ".join(report.place.replace("\0", " ").split())
    return password.mask(text.encode("utf-8", "replace").decode())[:MAX_PLACE_LENGTH]
