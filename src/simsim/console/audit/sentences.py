"""Audit events in words: what was done, and what changed from what to what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from simsim.access_reviews.models import Interval
from simsim.accounts.models import SingleSignOn
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.console.formats import moment, number, time_span
from simsim.console.notices.pages import WORDS
from simsim.tokens.models import RevocationReason
from simsim.tokens.notice_policy import Audience
from simsim.tokens.policy_models import LeakChoice, Retrieval

SENTENCES: dict[str, Promise] = {
    Event.ACCOUNT_CREATED: _("Created the account “%(name)s”"),
    Event.ACCOUNT_RENAMED: _("Renamed the account"),
    Event.ACCOUNT_CLOSED: _("Closed the account"),
    Event.USER_ADDED: _("Added %(email)s"),
    Event.USER_INVITED: _("Invited %(email)s"),
    Event.USER_REMOVED: _("Removed %(email)s from the account"),
    Event.USER_PASSWORD_RESET: _("Reset the password of %(email)s"),
    Event.USER_PASSWORD_CHANGED: _("Changed their own password"),
    Event.SIGN_IN_METHOD_ADDED: _("Added a way for %(email)s to sign in"),
    Event.SIGN_IN_METHOD_REMOVED: _("Removed a way for %(email)s to sign in"),
    Event.RECOVERY_CODES_CREATED: _("Created recovery codes for %(email)s"),
    Event.SECOND_FACTOR_RESET: _("Removed every second factor of %(email)s"),
    Event.SECOND_FACTOR_POLICY_CHANGED: _("Changed whether administrators need a second factor"),
    Event.SINGLE_SIGN_ON_POLICY_CHANGED: _("Changed who must use single sign-on"),
    Event.SINGLE_SIGN_ON_WAIVED: _("Changed whether %(email)s may sign in without single sign-on"),
    Event.LAST_ADMINISTRATOR_KEPT: _("Kept %(email)s as the last administrator, although no group gives the role"),
    Event.USER_ADDRESS_CHANGED: _("Changed the address of %(email)s to %(name)s"),
    Event.USER_PROVISIONED: _("Received %(email)s from the identity provider"),
    Event.GROUP_PROVISIONED: _("Received the group “%(name)s” from the identity provider"),
    Event.ROLE_CHANGED: _("Changed the role of %(email)s"),
    Event.TOKEN_CREATED: _("Created the token “%(token)s”"),
    Event.TOKEN_EDITED: _("Edited the token “%(token)s”"),
    Event.TOKEN_CREDENTIALS_SHOWN: _("Retrieved the credentials of “%(token)s”"),
    Event.TOKEN_TRIED: _("Tested the token “%(token)s”"),
    Event.TOKEN_REVOKED: _("Revoked the token “%(token)s”"),
    Event.TOKEN_PAUSED: _("Paused the token “%(token)s”"),
    Event.TOKEN_RESUMED: _("Resumed the token “%(token)s”"),
    Event.TOKEN_ROTATED: _("Rotated the token “%(token)s”"),
    Event.TOKEN_OVERLAP_ENDED: _("Stopped the previous password of “%(token)s”"),
    Event.LEAK_REPORTED: _("Reported the password of “%(name)s” as leaked"),
    Event.HAND_OVER_CREATED: _("Created a link that hands over the token “%(token)s”"),
    Event.HAND_OVER_USED: _("Retrieved the credentials of “%(token)s” through a link"),
    Event.HAND_OVER_TAKEN_BACK: _("Took back a link to the token “%(token)s”"),
    Event.HAND_OVER_BLOCKED: _("Entered a wrong code too often for a link to the token “%(token)s”"),
    Event.TOKEN_REQUESTED: _("Asked for the token “%(name)s”"),
    Event.TOKEN_REQUEST_GRANTED: _("Granted the request of %(asked_by)s for “%(name)s”"),
    Event.TOKEN_REQUEST_DECLINED: _("Declined the request of %(asked_by)s for “%(name)s”"),
    Event.CREATION_FROZEN: _("Froze the creation of tokens"),
    Event.CREATION_FREEZE_LIFTED: _("Allowed new tokens again"),
    Event.SELECTION_STOPPED: _("Stopped many tokens at once"),
    Event.SELECTION_RESUMED: _("Resumed many tokens at once"),
    Event.SELECTION_NETWORKS: _("Changed the networks of many tokens at once"),
    Event.REVIEW_STARTED: _("Started an access review"),
    Event.REVIEW_DECIDED: _("Decided about “%(name)s” in an access review"),
    Event.REVIEW_ROWS_KEPT: _("Kept the undecided entries of an access review"),
    Event.REVIEW_SIGNED_OFF: _("Signed off an access review as %(name)s"),
    Event.REVIEW_EXPORTED: _("Exported an access review"),
    Event.REVIEW_SCHEDULE_CHANGED: _("Changed how often an access review starts"),
    Event.TOKENS_EXPORTED: _("Exported the list of tokens, without passwords"),
    Event.MAIL_RETRIED: _("Sent an email to %(recipient)s again"),
    Event.MANAGEMENT_TOKEN_CREATED: _("Created the management token “%(name)s”"),
    Event.MANAGEMENT_TOKEN_REVOKED: _("Revoked the management token “%(name)s”"),
    Event.SELF_ROTATION_CHANGED: _("Changed whether a program may rotate its own token"),
    Event.WEBHOOK_ADDED: _("Added the webhook “%(name)s”"),
    Event.WEBHOOK_EDITED: _("Edited the webhook “%(name)s”"),
    Event.WEBHOOK_REMOVED: _("Removed the webhook “%(name)s”"),
    Event.WEBHOOK_SECRET_ROTATED: _("Rotated the secret of the webhook “%(name)s”"),
    Event.WEBHOOK_PAUSED: _("Paused the webhook “%(name)s”"),
    Event.WEBHOOK_RESUMED: _("Resumed the webhook “%(name)s”"),
    Event.WEBHOOK_TESTED: _("Sent a test event to the webhook “%(name)s”"),
    Event.WEBHOOK_RESENT: _("Sent an event to the webhook “%(name)s” again"),
    Event.NOTICES_CHANGED: _("Changed who gets which notice"),
    Event.POLICY_CHANGED: _("Changed the policy for tokens"),
    Event.PORTAL_LINK_CREATED: _("Created a link that opens the console for %(email)s"),
    Event.PORTAL_OPENED: _("Opened the console from the operator’s product"),
    Event.SIGNED_IN: _("Signed in"),
    Event.SIGN_IN_FAILED: _("Failed to sign in"),
    Event.CONFIRMED_AT_PROVIDER: _("Confirmed their identity at the provider"),
    Event.SESSION_ENDED: _("Ended sessions of %(email)s"),
    Event.SIGNED_OUT: _("Signed out"),
    Event.LOG_EXPORTED: _("Exported the log"),
    Event.AUDIT_EXPORTED: _("Exported the audit trail"),
}
NONE = gettext_noop("none")
EMPTY = {
    "allowed_networks": gettext_noop("anywhere"), "limits": gettext_noop("everything"),
    "rates": gettext_noop("no limit"),
}  # fmt: skip
LABELS: dict[str, Promise] = {
    "name": _("Name"), "from": _("Name"), "description": _("Description"), "software": _("Target software"),
    "expires_at": _("Expires"), "allowed_networks": _("Allowed networks"), "limits": _("What it may do"),
    "rates": _("Rate and quota"), "report_only": _("Report only"),
    "role": _("Role"), "reason": _("Reason"), "overlap_seconds": _("Previous password works for"), "way": _("How"),
    "imported": _("Imported"), "notice": _("Notice"), "restored": _("After a restore"), "again": _("Again"),
    "revoked_tokens": _("Tokens revoked"), "early_days": _("Extra reminders, days before"), "format": _("Format"),
    "filters": _("Filters"), "status": _("Status"), "external_id": _("External id"),
    "until": _("Until"), "by": _("Link made by"), "management_token": _("Through the management token"),
    "allowed": _("Allowed"), "scopes": _("Scope"), "change": _("How"),
    "return_url": _("Returns to"), "methods": _("Proven by"), "required": _("Required"), "before": _("Before"),
    "second_word": _("Asks for a code"), "source": _("Reported by"), "place": _("Found at"),
    "response": _("Response"), "max_lifetime_days": _("Longest lifetime in days"),
    "needs_allowlist": _("Allowlist required"), "min_ipv4_prefix": _("Widest IPv4 network, as a prefix"),
    "min_ipv6_prefix": _("Widest IPv6 network, as a prefix"), "retrieval": _("Who retrieves passwords"),
    "leak_response": _("After a leak"), "max_idle_days": _("Days until idle tokens are paused"),
    "approval_above_days": _("Days of life above which a second administrator approves"),
    "approval_if_open": _("A second administrator approves tokens for any address"),
    "destroyed": _("Stored passwords destroyed"), "act": _("How"), "count": _("Tokens"),
    "active": _("Has access"), "added": _("Members added"), "removed": _("Members removed"),
    "adds": _("Added to the lists"), "rows": _("Entries"), "due_at": _("Due"), "decision": _("Decision"),
    "note": _("Note"), "filter": _("Filter"), "decisions": _("Decisions"), "fingerprint": _("Fingerprint"),
    "every": _("How often"),
}  # fmt: skip
VALUES: dict[tuple[str, object], Promise | str] = {
    ("way", "downloaded"): _("as a file"),
    ("act", "created"): _("added"),
    ("act", "changed"): _("changed"),
    ("act", "deleted"): _("removed"),
    ("change", "address_changed"): _("by the identity provider"),
    **{("every", value): label for value, label in Interval.choices},
    ("act", "pause"): _("paused"),
    ("act", "revoke"): _("revoked"),
    ("change", "app_added"): _("Authenticator app"),
    ("change", "app_removed"): _("Authenticator app"),
    ("change", "passkey_added"): _("Passkey"),
    ("change", "passkey_removed"): _("Passkey"),
    ("change", "provider_linked"): _("Single sign-on"),
    ("change", "provider_unlinked"): _("Single sign-on"),
    ("change", "single_sign_on_waived"): _("with the password, for a while"),
    ("change", "single_sign_on_waiver_ended"): _("only with single sign-on"),
    ("method", "openid_connect"): _("Single sign-on"),
    **{(name, value): label for name in ("before", "required") for value, label in SingleSignOn.choices},
    ("change", "password_changed"): _("in the console"),
    ("change", "password_chosen_by_link"): _("with a link from an email"),
    ("notice", "suppressed"): _("not sent"),
    ("response", "revoked"): _("Revoked at once"),
    ("response", "paused"): _("Paused at once"),
    ("response", "overlap_ended"): _("The previous password was stopped"),
    ("role", "administrator"): _("Administrator"),
    ("role", "member"): _("Member"),
    ("role", "reader"): _("Reader"),
    ("from", "administrator"): _("Administrator"),
    ("from", "member"): _("Member"),
    **{("retrieval", value): label for value, label in Retrieval.choices},
    **{("leak_response", value): label for value, label in LeakChoice.choices},
    **{("reason", value): label for value, label in RevocationReason.choices},
}
# Their details are pairs: before, and now.
WITH_BEFORE = {Event.TOKEN_EDITED, Event.NOTICES_CHANGED, Event.POLICY_CHANGED, Event.REVIEW_SCHEDULE_CHANGED}
# What the sentence says already.
SAID = {"email", "asked_by", "token", "to", "address", "recipient", "kind", "hand_over"}


@dataclass(frozen=True)
class Fact:
    """A detail of an event; `before` is None if the event changed nothing there."""

    label: str
    value: str
    before: str | None = None


def sentence_of(event: AuditEvent, token_name: str) -> str:
    """Return what was done; `token_name` is the name of the token that it was done to."""
    known = SENTENCES.get(event.event)
    if known is None:
        return event.event
    texts = {name: value for name, value in details_of(event).items() if isinstance(value, str)}
    return str(known) % ({"name": "", "email": "", "asked_by": "", "recipient": ""} | texts | {"token": token_name})


def details_of(event: AuditEvent) -> Mapping[str, Any]:
    return event.details if isinstance(event.details, dict) else {}


def facts_of(event: AuditEvent) -> list[Fact]:
    """Return the details of an event that its sentence does not say."""
    try:
        return list(read_facts(event, details_of(event)))
    except (AttributeError, TypeError, ValueError):
        # An event that was added from outside may hold anything, and must not hide the others.
        return [Fact(gettext("Details"), str(event.details))]


def read_facts(event: AuditEvent, details: Mapping[str, Any]) -> Iterator[Fact]:
    if "from" in details and "to" in details:
        label = LABELS["role"] if event.event == Event.ROLE_CHANGED else LABELS["from"]
        yield Fact(str(label), text_of("from", details["to"]), text_of("from", details["from"]))
    for name, value in details.items():
        if name in SAID or name == "from" or (name == "name" and isinstance(value, str)):
            continue
        if name == "audiences":
            yield from audience_facts(*value)
        elif event.event in WITH_BEFORE and is_change(value):
            yield Fact(label_of(name), text_of(name, value[1]), text_of(name, value[0]))
        elif value not in (None, "", [], {}, False):
            yield Fact(label_of(name), text_of(name, value))


def is_change(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def audience_facts(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Fact]:
    titles = {notice.value: str(title) for notice, (title, _when) in WORDS.items()}
    choices = dict(Audience.choices)
    for name, audience in after.items():
        if before.get(name) != audience:
            then = before.get(name, "")
            yield Fact(titles.get(name, name), str(choices.get(audience, audience)), str(choices.get(then, then)))


def label_of(name: str) -> str:
    return str(LABELS.get(name, name.replace("_", " ").capitalize()))


def text_of(name: str, value: Any) -> str:
    """Return the value of a detail as people read it."""
    if value in (None, "", [], {}):
        return gettext(EMPTY.get(name, NONE))
    if isinstance(value, str):
        return (
            moment(datetime.fromisoformat(value))
            if name in {"expires_at", "until", "due_at"}
            else str(VALUES.get((name, value), value))
        )
    if isinstance(value, int):
        return text_of_number(name, value)
    parts = (f"{key}: {part}" for key, part in value.items()) if isinstance(value, dict) else map(str, value)
    return ", ".join(parts)


def text_of_number(name: str, value: int) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name == "overlap_seconds":
        return time_span(value) or gettext("none")
    return number(value)
