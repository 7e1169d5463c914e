"""Changes to how a person signs in: recorded in each of their accounts, and always reported to them by email."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse

from simsim.accounts.models import User
from simsim.accounts.permissions import Actor
from simsim.accounts.person_events import record_person_event
from simsim.audit.events import Event
from simsim.mail import outbox


class Change(StrEnum):
    """What the email says happened."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a change
    PASSWORD_CHOSEN_BY_LINK = "password_chosen_by_link"  # noqa: S105
    PASSWORD_SET_BY_OPERATOR = "password_set_by_operator"  # noqa: S105
    APP_ADDED = "app_added"
    APP_REMOVED = "app_removed"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    RECOVERY_CODES_CREATED = "recovery_codes_created"
    SECOND_FACTOR_RESET = "second_factor_reset"
    PROVIDER_LINKED = "provider_linked"
    PROVIDER_UNLINKED = "provider_unlinked"
    SINGLE_SIGN_ON_WAIVED = "single_sign_on_waived"
    SINGLE_SIGN_ON_WAIVER_ENDED = "single_sign_on_waiver_ended"
    ADDRESS_CHANGED = "address_changed"


EVENTS = {
    Change.PASSWORD_CHANGED: Event.USER_PASSWORD_CHANGED,
    Change.PASSWORD_CHOSEN_BY_LINK: Event.USER_PASSWORD_CHANGED,
    Change.PASSWORD_SET_BY_OPERATOR: Event.USER_PASSWORD_RESET,
    Change.APP_ADDED: Event.SIGN_IN_METHOD_ADDED,
    Change.APP_REMOVED: Event.SIGN_IN_METHOD_REMOVED,
    Change.PASSKEY_ADDED: Event.SIGN_IN_METHOD_ADDED,
    Change.PASSKEY_REMOVED: Event.SIGN_IN_METHOD_REMOVED,
    Change.RECOVERY_CODES_CREATED: Event.RECOVERY_CODES_CREATED,
    Change.SECOND_FACTOR_RESET: Event.SECOND_FACTOR_RESET,
    Change.PROVIDER_LINKED: Event.SIGN_IN_METHOD_ADDED,
    Change.PROVIDER_UNLINKED: Event.SIGN_IN_METHOD_REMOVED,
    Change.SINGLE_SIGN_ON_WAIVED: Event.SINGLE_SIGN_ON_WAIVED,
    Change.SINGLE_SIGN_ON_WAIVER_ENDED: Event.SINGLE_SIGN_ON_WAIVED,
    Change.ADDRESS_CHANGED: Event.USER_ADDRESS_CHANGED,
}
PASSKEYS = {Change.PASSKEY_ADDED, Change.PASSKEY_REMOVED}


@dataclass(frozen=True)
class Place:
    """Where a person acts from: their address and their browser, each "" if unknown."""

    address: str = ""
    browser: str = ""


NOWHERE = Place()


def report(
    change: Change,
    *,
    actor: Actor,
    user: User,
    place: Place = NOWHERE,
    name: str = "",
    until: datetime | None = None,
    tells: bool = True,
    now: datetime,
) -> None:
    """Record a change and queue the email to the person. Call it in the transaction of the change.

    `name` is the name of the passkey or the provider, or the new address, `until` when a waiver ends. Nobody can turn
    these emails off: they are how a person learns of a break-in.
    """
    details: dict[str, object] = {"email": user.email, "change": change.value}
    if name:
        details["name"] = name
    if until:
        details["until"] = until.isoformat()
    if tells:
        facts = {
            "change": change.value,
            "passkey_name": name if change in PASSKEYS else "",
            "provider_name": name if change == Change.PROVIDER_LINKED else "",
            "new_address": name if change == Change.ADDRESS_CHANGED else "",
            "until": f"{until:%Y-%m-%d %H:%M} UTC" if until else "",
        }
        tell(user, "sign_in_changed", facts, place=place, now=now)
    # Last: from here on, other acts in these accounts wait for the commit.
    record_person_event(EVENTS[change], actor=actor, user=user, details=details, now=now)


def tell(user: User, kind: str, facts: Mapping[str, object], *, place: Place, now: datetime) -> None:
    """Queue an email about the person's own sign-in, with the time, the place and where to look."""
    outbox.owe(
        kind=kind,
        recipient=user.email,
        dedupe=f"{kind}:{user.pk}:{uuid.uuid4()}",
        facts={
            **facts,
            "at": f"{now:%Y-%m-%d %H:%M} UTC",
            "address": place.address,
            "browser": place.browser,
            "link": urljoin(settings.OPERATOR.base_url, reverse("console:security")),
            "reset_link": urljoin(settings.OPERATOR.base_url, reverse("account_reset_password")),
        },
        now=now,
    )
