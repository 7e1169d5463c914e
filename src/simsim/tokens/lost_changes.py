"""Changes that a restored database has lost: revocations, pauses, rotations and narrowed lists are applied again."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network

from django.db import transaction

from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import OPERATOR
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.journal import Change
from simsim.audit.models import AuditEvent
from simsim.credential import allowlist
from simsim.tokens import pause
from simsim.tokens.actions import ROTATED_COLUMNS, pack_allowlist, record_token_event, set_new_password
from simsim.tokens.models import Token

MAX_VALUES = 500


@dataclass(frozen=True)
class Outcome:
    """What was done about one lost change, in a sentence; `is_done` is false if the operator must act."""

    event: str
    subject_id: str
    sentence: str
    is_done: bool = True

    def document(self) -> dict[str, object]:
        return {"event": self.event, "subject_id": self.subject_id, "detail": self.sentence}


def lost(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that the database lacks, oldest first, without those that a restore has applied before."""
    ordered = sorted(
        {change.key: change for change in changes}.values(), key=lambda change: (change.at, change.event_id)
    )
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

    Applying only ever restricts. Nothing is done twice, however often the same journal is applied.
    """
    missing = lost(changes)
    by_subject: dict[str, list[Change]] = defaultdict(list)
    for change in missing:
        by_subject[change.subject_id].append(change)
    tokens = find_tokens(by_subject)
    outcomes = [
        outcome
        for subject, lost_ones in by_subject.items()
        for outcome in (
            restrict(tokens[subject], lost_ones, now) if subject in tokens else remind(lost_ones)
        )
    ]  # fmt: skip
    if missing:
        details: dict[str, object] = {"lost_events": [[change.event_id, change.at.isoformat()] for change in missing]}
        recorder.record(
            Event.CHANGE_APPLIED_AGAIN, actor=OPERATOR, account_id=None, subject_id="", details=details, now=now
        )
    return outcomes


def find_tokens(subjects: Iterable[str]) -> dict[str, Token]:
    """Return the tokens with these ids that the database has, by id."""
    ids = [found for found in map(as_uuid, subjects) if found]
    found: dict[str, Token] = {}
    for begin in range(0, len(ids), MAX_VALUES):
        some = Token.objects.select_related("account", "software").filter(pk__in=ids[begin : begin + MAX_VALUES])
        found |= {str(token.pk): token for token in some}
    return found


def restrict(token: Token, changes: list[Change], now: datetime) -> Iterator[Outcome]:
    """Apply one token's lost changes; several of a kind are one, the last."""
    last = {change.event: change for change in changes}
    # The later ones were recorded by earlier restores.
    if (first := next((each for each in changes if each.event == Event.TOKEN_REVOKED), None)) and not token.revoked_at:
        yield revoke_again(token, at=first.at, change=first, now=now)
    if Event.TOKEN_ROTATED in last and token.revoked_at is None:
        yield close_old_password(token, last[Event.TOKEN_ROTATED], now)
    elif Event.TOKEN_OVERLAP_ENDED in last and token.previous_works_until and token.previous_works_until > now:
        token.previous_works_until = now
        token.save(update_fields=["previous_works_until"])
        record_token_event(OPERATOR, token, Event.TOKEN_OVERLAP_ENDED, {"name": token.name, "restored": True}, now)
        yield outcome(last[Event.TOKEN_OVERLAP_ENDED], f"The previous password of {named(token)} was stopped again")
    pauses = [change for change in changes if change.event in {Event.TOKEN_PAUSED, Event.TOKEN_RESUMED}]
    if pauses and not token.has_ended(now):
        yield from pause_again(token, pauses[-1], now)
    edits = [change for change in changes if change.event == Event.TOKEN_EDITED]
    if edits and (narrowed := narrow_again(token, edits, now)):
        yield narrowed


def revoke_again(token: Token, *, at: datetime, change: Change | None = None, now: datetime) -> Outcome:
    """Revoke a token that was revoked before the restore, as of then."""
    token.revoked_at, token.next_notice_at = at, None
    token.revoked_by_label = change.actor if change else OPERATOR.label
    token.revocation_reason = str(change.details.get("reason", "")) if change else ""
    token.save(update_fields=["revoked_at", "next_notice_at", "revoked_by_label", "revocation_reason"])
    details: dict[str, object] = {"name": token.name, "reason": token.revocation_reason, "restored": True}
    record_token_event(OPERATOR, token, Event.TOKEN_REVOKED, details, now)
    how = f"revoked by {change.actor}" if change else "refused as revoked"
    return Outcome(Event.TOKEN_REVOKED, str(token.pk), f"{named(token)} was {how} {on(at)}: revoked again")


def pause_again(token: Token, change: Change, now: datetime) -> Iterator[Outcome]:
    """Pause a token whose last lost change is a pause that is still in force.

    If it was resumed after the backup that has it paused, only the operator is told: applying restricts.
    """
    if change.event == Event.TOKEN_RESUMED:
        if token.is_paused(now):
            command = f"simsim token resume {token.pk} --as {change.actor}"
            yield to_do(change, f"{named(token)} is paused, but was resumed by {change.actor}", command)
        return
    text = change.details.get("until")
    until = datetime.fromisoformat(str(text)) if text else None
    is_over = until is not None and until <= now
    is_as_long = token.is_paused(now) and (
        token.paused_until is None or (until is not None and until <= token.paused_until)
    )
    if is_over or is_as_long:
        return
    token.paused_at, token.paused_until, token.paused_by = change.at, until, None
    token.paused_by_label, token.pause_reason = change.actor, str(change.details.get("reason", ""))
    token.save(update_fields=pause.COLUMNS)
    details: dict[str, object] = {
        "name": token.name, "until": text, "reason": token.pause_reason, "restored": True
    }  # fmt: skip
    record_token_event(OPERATOR, token, Event.TOKEN_PAUSED, details, now)
    yield outcome(change, f"{named(token)} was paused by {change.actor} {on(change.at)}: paused again")


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


def close_old_password(token: Token, change: Change, now: datetime) -> Outcome:
    """Give a rotated token a new password: the restored one was replaced, and the one that replaced it is lost."""
    token.previous_digest = token.previous_works_until = None
    token.rotated_at = now
    set_new_password(token)
    token.save(update_fields=ROTATED_COLUMNS)
    record_token_event(OPERATOR, token, Event.TOKEN_ROTATED, {"overlap_seconds": 0, "restored": True}, now)
    return outcome(
        change,
        f"{named(token)} was rotated by {change.actor} {on(change.at)}: its old password was closed, and the new one "
        "is lost. Install the password that simsim token credentials shows",
    )


def narrow_again(token: Token, edits: list[Change], now: datetime) -> Outcome | None:
    """Restore the last lost list, mode and expiry of a token, if they are stricter than what the backup has."""
    final: dict[str, object] = {
        str(key): value[1] for edit in edits for key, value in edit.details.items() if isinstance(value, list)
    }
    said: dict[str, object] = {}
    networks = final.get("allowed_networks")
    if isinstance(networks, list) and is_narrower(networks, token.allowed_networks):
        said["allowed_networks"] = [token.allowed_networks, networks]
        token.allowed_networks = networks
    if final.get("report_only") is False and token.report_only:
        said["report_only"] = [True, False]
    expires_at = datetime.fromisoformat(str(final["expires_at"])) if "expires_at" in final else token.expires_at
    if expires_at < token.expires_at:
        said["expires_at"] = [token.expires_at.isoformat(), expires_at.isoformat()]
        token.expires_at = expires_at
    if not said:
        return None
    pack_allowlist(token, report_only=token.report_only and "report_only" not in said)
    token.save(update_fields=["allowed_networks", "allowlist", "report_only", "expires_at"])
    record_token_event(OPERATOR, token, Event.TOKEN_EDITED, said | {"restored": True}, now)
    words = {
        "allowed_networks": f"allows only {', '.join(token.allowed_networks)}",
        "report_only": "enforces its list",
        "expires_at": f"expires {on(token.expires_at)}",
    }
    again = " and ".join(f"{words[key]} again" for key in said)
    return outcome(edits[-1], f"{named(token)} was edited by {edits[-1].actor} {on(edits[-1].at)}: it {again}")


def is_narrower(networks: list[str], before: list[str]) -> bool:
    """Whether a list refuses an address that the list before allowed. An empty list allows every address."""
    if not networks:
        return False
    after, both = (allowlist.pack(ip_network(text) for text in texts) for texts in (networks, [*networks, *before]))
    return not before or after != both


def remind(changes: list[Change]) -> Iterator[Outcome]:
    """Yield what the operator must do again about people and accounts."""
    for change in changes:
        if change.event == Event.ACCOUNT_CLOSED:
            if Account.objects.filter(pk=change.subject_id, closed_at=None).exists():
                fact = f"The account “{change.details['name']}” was closed"
                yield to_do(change, fact, f"simsim account close {change.subject_id}")
        elif "email" in change.details:
            yield from remind_of_person(change, str(change.details["email"]))


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


def outcome(change: Change, sentence: str) -> Outcome:
    return Outcome(change.event, change.subject_id, sentence)


def to_do(change: Change, fact: str, command: str) -> Outcome:
    return Outcome(change.event, change.subject_id, f"{fact} {on(change.at)}. Do it again: {command}", False)


def named(token: Token) -> str:
    return f"“{token.name}” ({token.pk})"


def on(at: datetime) -> str:
    return f"on {at:%Y-%m-%d at %H:%M:%S} UTC"


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
