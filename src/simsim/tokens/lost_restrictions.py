"""Restricts a token of a restored database again, as it was before the machine was lost: only ever more, never less."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network

from simsim.accounts.permissions import OPERATOR
from simsim.audit.events import Event
from simsim.audit.journal import Change
from simsim.credential import allowlist
from simsim.tokens import pause, rules
from simsim.tokens.actions import ROTATED_COLUMNS, set_new_password
from simsim.tokens.models import Token
from simsim.tokens.policies import policies_of
from simsim.tokens.token_events import record_token_event
from simsim.tokens.token_fields import pack_allowlist


@dataclass(frozen=True)
class Outcome:
    """What was done about one lost change, in a sentence; `is_done` is false if the operator must act."""

    event: str
    subject_id: str
    sentence: str
    is_done: bool = True

    def document(self) -> dict[str, object]:
        return {"event": self.event, "subject_id": self.subject_id, "detail": self.sentence}


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


def close_old_password(token: Token, change: Change, now: datetime) -> Outcome:
    """Give a rotated token a new password: the restored one was replaced, and the one that replaced it is lost."""
    token.previous_digest = token.previous_works_until = None
    token.rotated_at = now
    set_new_password(token, policies_of(token.account).effective)
    token.save(update_fields=ROTATED_COLUMNS)
    record_token_event(OPERATOR, token, Event.TOKEN_ROTATED, {"overlap_seconds": 0, "restored": True}, now)
    return outcome(
        change,
        f"{named(token)} was rotated by {change.actor} {on(change.at)}: its old password was closed, and the new one "
        "is lost. Install the password that simsim token credentials shows",
    )


def narrow_again(token: Token, edits: list[Change], now: datetime) -> Outcome | None:
    """Restore the last lost list, mode and expiry of a token, if they are stricter than what the backup has."""
    found = stricter(token, edits)
    if not found:
        return None
    said: dict[str, object] = {
        name: [value.isoformat() if isinstance(value, datetime) else value for value in (before_of(token, name), new)]
        for name, new in found.items()
    }
    for name, new in found.items():
        if name == "limits":
            token.limits = "\n".join(map(str, new if isinstance(new, list) else []))
        elif name != "report_only":
            setattr(token, name, new)
    pack_allowlist(token, report_only=token.report_only and "report_only" not in found)
    token.save(update_fields=["allowed_networks", "allowlist", "limits", "report_only", "expires_at"])
    record_token_event(OPERATOR, token, Event.TOKEN_EDITED, said | {"restored": True}, now)
    words = {
        "allowed_networks": f"allows only {', '.join(token.allowed_networks)}",
        "limits": f"may only do {', '.join(token.limit_rules)}",
        "report_only": "enforces its restrictions",
        "expires_at": f"expires {on(token.expires_at)}",
    }
    again = " and ".join(f"{words[key]} again" for key in said)
    return outcome(edits[-1], f"{named(token)} was edited by {edits[-1].actor} {on(edits[-1].at)}: it {again}")


def stricter(token: Token, edits: list[Change]) -> dict[str, object]:
    """Return the values that the last of the edits gave the token, as far as they are stricter than what it has."""
    final: dict[str, object] = {
        str(key): value[1] for edit in edits for key, value in edit.details.items() if isinstance(value, list)
    }
    found: dict[str, object] = {}
    networks = final.get("allowed_networks")
    if isinstance(networks, list) and is_narrower(networks, token.allowed_networks):
        found["allowed_networks"] = networks
    wanted = final.get("limits")
    if isinstance(wanted, list) and wanted and rules.allows_more_requests("\n".join(wanted), token.limits):
        found["limits"] = wanted
    if final.get("report_only") is False and token.report_only:
        found["report_only"] = False
    expires_at = datetime.fromisoformat(str(final["expires_at"])) if "expires_at" in final else token.expires_at
    if expires_at < token.expires_at:
        found["expires_at"] = expires_at
    return found


def before_of(token: Token, name: str) -> object:
    return token.limit_rules if name == "limits" else getattr(token, name)


def is_narrower(networks: list[str], before: list[str]) -> bool:
    """Whether a list refuses an address that the list before allowed. An empty list allows every address."""
    if not networks:
        return False
    after, both = (allowlist.pack(ip_network(text) for text in texts) for texts in (networks, [*networks, *before]))
    return not before or after != both


def outcome(change: Change, sentence: str) -> Outcome:
    return Outcome(change.event, change.subject_id, sentence)


def to_do(change: Change, fact: str, command: str) -> Outcome:
    return Outcome(change.event, change.subject_id, f"{fact} {on(change.at)}. Do it again: {command}", False)


def named(token: Token) -> str:
    return f"“{token.name}” ({token.pk})"


def on(at: datetime) -> str:
    return f"on {at:%Y-%m-%d at %H:%M:%S} UTC"
