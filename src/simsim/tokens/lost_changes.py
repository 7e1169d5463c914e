"""Changes that a restored database has lost: revocations, pauses, rotations and narrowed lists are applied again."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import OPERATOR
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.journal import Change
from simsim.audit.models import AuditEvent
from simsim.tokens.lost_restrictions import Outcome, named, on, restrict, stricter, to_do
from simsim.tokens.models import Token

MAX_VALUES = 500
# What makes a change to a token again, on the command line.
VERBS: Mapping[str, str] = {
    Event.TOKEN_REVOKED: "revoke",
    Event.TOKEN_PAUSED: "pause",
    Event.TOKEN_RESUMED: "resume",
    Event.TOKEN_ROTATED: "rotate",
    Event.TOKEN_OVERLAP_ENDED: "end-overlap",
    Event.TOKEN_EDITED: "edit",
}


def lost(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that the database lacks, oldest first, without those that a restore has applied before."""
    # The audit trail of the replaced database may have what its journal is not certain of.
    unique = {change.key: change for change in sorted(changes, key=lambda change: change.is_certain)}
    ordered = sorted(unique.values(), key=lambda change: (change.at, change.event_id))
    known: set[tuple[int, datetime]] = set()
    for begin in range(0, len(ordered), MAX_VALUES):
        ids = [change.event_id for change in ordered[begin : begin + MAX_VALUES]]
        # After a restore, ids are given again: only together with its time does an id name one event.
        known |= set(AuditEvent.objects.filter(pk__in=ids).values_list("pk", "at"))
    for details in AuditEvent.objects.filter(event=Event.CHANGE_APPLIED_AGAIN).values_list("details", flat=True):
        known |= {(event_id, datetime.fromisoformat(at)) for event_id, at in details["lost_events"]}
    return [change for change in ordered if change.key not in known]


def newest_event() -> tuple[int, datetime] | None:
    """Return the id and the time of the newest event that the database has."""
    return AuditEvent.objects.order_by("-pk").values_list("pk", "at").first()


@transaction.atomic
def apply_again(changes: Iterable[Change], *, now: datetime) -> list[Outcome]:
    """Apply the changes that the database has lost and return what was done, and what the operator must do.

    A change of which nobody knows whether it was committed is not applied, but named. Applying only ever restricts.
    Nothing is done twice, however often the same journal is applied.
    """
    missing = lost(changes)
    by_subject: dict[str, list[Change]] = defaultdict(list)
    for change in missing:
        if change.is_certain:
            by_subject[change.subject_id].append(change)
    tokens = find_tokens({change.subject_id for change in missing})
    outcomes = [
        outcome
        for subject, lost_ones in by_subject.items()
        for outcome in (
            restrict(tokens[subject], lost_ones, now) if subject in tokens else remind(lost_ones)
        )
    ]  # fmt: skip
    outcomes += doubts([change for change in missing if not change.is_certain], by_subject, tokens)
    if missing:
        details: dict[str, object] = {"lost_events": [[change.event_id, change.at.isoformat()] for change in missing]}
        recorder.record(
            Event.CHANGE_APPLIED_AGAIN, actor=OPERATOR, account_id=None, subject_id="", details=details, now=now
        )
    return outcomes


def doubts(
    uncertain: list[Change], certain: Mapping[str, list[Change]], tokens: Mapping[str, Token]
) -> Iterator[Outcome]:
    """Yield what the operator must decide: changes that were begun, of which nothing says that they were committed."""
    for change in uncertain:
        token = tokens.get(change.subject_id)
        # A later try that succeeded leaves nothing to decide, nor does a token that is revoked anyway.
        if any(each.event == change.event for each in certain.get(change.subject_id, ())):
            continue
        if token is None:
            for told in remind([change]):
                yield replace(told, sentence=f"It is not known whether this took place: {told.sentence}")
        elif token.revoked_at is None and (change.event != Event.TOKEN_EDITED or stricter(token, [change])):
            verb = VERBS[change.event]
            fact = f"{change.actor} began to {verb.replace('-', ' ')} {named(token)}"
            command = f"simsim token {verb} {token.pk} --as EMAIL"
            text = f"{fact} {on(change.at)}. It is not known whether this took place. If it should have: {command}"
            yield Outcome(change.event, change.subject_id, text, False)


def find_tokens(subjects: Iterable[str]) -> dict[str, Token]:
    """Return the tokens with these ids that the database has, by id."""
    ids = [found for found in map(as_uuid, subjects) if found]
    found: dict[str, Token] = {}
    for begin in range(0, len(ids), MAX_VALUES):
        some = Token.objects.select_related("account", "software").filter(pk__in=ids[begin : begin + MAX_VALUES])
        found |= {str(token.pk): token for token in some}
    return found


def revoke_all(*, now: datetime) -> int:
    """Revoke every active token, because nobody knows which were revoked; return their number."""
    active = list(Token.objects.active(now))
    Token.objects.active(now).update(revoked_at=now, revoked_by_label=OPERATOR.label, next_notice_at=None)
    events = [
        recorder.audit_event(
            Event.TOKEN_REVOKED,
            actor=OPERATOR,
            account_id=token.account_id,
            subject_id=token.pk,
            details={"name": token.name, "reason": "", "restored": True},
            now=now,
        )
        for token in active
    ]
    recorder.record_all(events)
    return len(active)


def remind(changes: list[Change]) -> Iterator[Outcome]:
    """Yield what the operator must do again about people and accounts."""
    for change in changes:
        if change.event == Event.ACCOUNT_CLOSED:
            if Account.objects.filter(pk=change.subject_id, closed_at=None).exists():
                fact = f"The account “{change.details['name']}” was closed"
                yield to_do(change, fact, f"simsim account close {change.subject_id}")
        elif change.event == Event.PERSON_ERASED:
            yield from remind_of_erasure(change)
        elif "email" in change.details:
            yield from remind_of_person(change, str(change.details["email"]))


def remind_of_erasure(change: Change) -> Iterator[Outcome]:
    """The journal does not know the address; the restored database does, by the user's id."""
    erased = str(change.details["pseudonym"])
    user = User.objects.filter(pk=change.subject_id).exclude(email=erased).first() if change.subject_id else None
    if user:
        yield to_do(change, f"{user.email} was erased", f"simsim person erase {user.email}")


def remind_of_person(change: Change, email: str) -> Iterator[Outcome]:
    account = change.account_id or ""
    member = Membership.objects.filter(account_id=account, user__email=email).first() if account else None
    if change.event == Event.USER_REMOVED and member:
        yield to_do(change, f"{email} was removed", f"simsim user remove {email} --account {account}")
    elif change.event == Event.ROLE_CHANGED and member and member.role == Role.ADMINISTRATOR != change.details["to"]:
        role = change.details["to"]
        yield to_do(change, f"{email} became a {role}", f"simsim user role {email} --account {account} --role {role}")
    elif change.event == Event.USER_PASSWORD_RESET and User.objects.filter(email=email).exists():
        yield to_do(change, f"The password of {email} was reset", f"simsim user reset-password {email}")


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
