"""The vocabulary of webhooks: the types of events that an endpoint can choose."""

from collections.abc import Iterable
from enum import StrEnum

from simsim.problem import FieldError, Invalid, gettext_noop


class EventType(StrEnum):
    """To add an event: add its type here and its words below, and owe it in the action that causes it."""

    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_EXPIRING = "token.expiring"  # noqa: S105
    TOKEN_EXPIRED = "token.expired"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKEN_PAUSED = "token.paused"  # noqa: S105
    TOKEN_RESUMED = "token.resumed"  # noqa: S105
    TOKEN_ROTATED = "token.rotated"  # noqa: S105
    CREDENTIALS_SHOWN = "token.credentials_shown"
    ALLOWLIST_CHANGED = "token.allowlist_changed"
    QUOTA_NEARLY_USED = "token.quota_nearly_used"
    QUOTA_USED_UP = "token.quota_used_up"
    TOKEN_REQUESTED = "token.requested"  # noqa: S105
    LEAK_REPORTED = "token.leak_reported"


# Sent only when an administrator asks for it, whatever the endpoint's choice.
TEST = "webhook.test"
WORDS: dict[EventType, str] = {
    EventType.TOKEN_CREATED: gettext_noop("A token is created"),
    EventType.TOKEN_EXPIRING: gettext_noop("A token is about to expire"),
    EventType.TOKEN_EXPIRED: gettext_noop("A token has expired"),
    EventType.TOKEN_REVOKED: gettext_noop("A token is revoked"),
    EventType.TOKEN_PAUSED: gettext_noop("A token is paused"),
    EventType.TOKEN_RESUMED: gettext_noop("A paused token works again"),
    EventType.TOKEN_ROTATED: gettext_noop("A token gets a new password"),
    EventType.CREDENTIALS_SHOWN: gettext_noop("Someone retrieves a token’s credentials"),
    EventType.ALLOWLIST_CHANGED: gettext_noop("The allowed networks of a token are changed"),
    EventType.QUOTA_NEARLY_USED: gettext_noop("A token has used 80 % of a quota"),
    EventType.QUOTA_USED_UP: gettext_noop("A token has used up a quota"),
    EventType.TOKEN_REQUESTED: gettext_noop("A member asks for a token, or an administrator for its approval"),
    EventType.LEAK_REPORTED: gettext_noop("A password is reported as leaked"),
}


def parse_event_types(texts: Iterable[str]) -> list[str]:
    """Return the types in the order of the vocabulary; raise Invalid if one is unknown, or if there is none."""
    wanted = set(texts)
    known = [each.value for each in EventType]
    if unknown := sorted(wanted - set(known)):
        message = gettext_noop("There is no event “%(event)s”. Choose from %(events)s.")
        raise Invalid(FieldError("events", message, {"event": unknown[0], "events": ", ".join(known)}))
    if not wanted:
        raise Invalid(FieldError("events", gettext_noop("Choose at least one event.")))
    return [each for each in known if each in wanted]
