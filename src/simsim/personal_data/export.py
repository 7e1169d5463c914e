"""A person's data as one document, for the person. It says nothing of passwords, keys, digests or session keys.

Only the columns named here are in it, and of other tables those that name the person: a new column may be a secret.
"""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Model

from simsim.accounts.permissions import Actor
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.personal_data.places import Place, places
from simsim.personal_data.records import NOBODY, Person, journal_lines, naming, person_of, rows_in
from simsim.problem import NotFound, NotPermitted
from simsim.rfc3339 import format_time

NOT_SEARCHED = "The log of requests names programs and their addresses, not people. It is not in this file."
COLUMNS: Mapping[str, str] = {
    "User": "id email is_active created_at last_login operator_since single_sign_on_waived_until",
    "Membership": "account_id role created_at",
    "PortalLink": "account_id role created_at created_by_label expires_at used_at",
    "ProvisionedPerson": "account_id external_id display_name is_active created_at changed_at",
    "EmailAddress": "email verified primary",
    "Authenticator": "type created_at last_used_at",
    "SocialAccount": "provider uid last_login date_joined",
    "ConsoleSession": "address browser signed_in_at last_used_at expire_date",
    "AuditEvent": "id at event account_id actor_label subject_id details door address os_user",
    "Token": (
        "id account_id name description created_at created_by_label revoked_at revoked_by_label paused_at "
        "paused_by_label pause_reason"
    ),
    "TokenRequest": "id account_id name purpose asked_at asked_by_label answered_at answered_by_label answer",
    "HandOver": (
        "id token_id created_at created_by_label recipient_label expires_at used_at used_from taken_back_at "
        "taken_back_by_label"
    ),
    "CreationFreeze": "account_id reason frozen_at frozen_by_label",
    "ManagementToken": (
        "id account_id name scopes created_at created_by_label revoked_at revoked_by_label last_used_at "
        "last_used_address"
    ),
    "WebhookEndpoint": "id account_id name created_at created_by_label",
    "WebhookDelivery": "message_id event body owed_at delivered_at",
    "AccessReview": ("id account_id started_at started_by_label signed_off_at signed_off_by_label signed_off_name"),
    "ReviewRow": "review_id kind name facts decision note decided_at decided_by_label",
    "OwedMail": "kind recipient owed_at delivered_at given_up_at",
    "LeakReport": "account_id subject_id source place reported_at",
}
# The account's URL may hold a secret of the account.
SECRET = {("WebhookEndpoint", "url")}


def export_person(*, actor: Actor, email: str, now: datetime) -> dict[str, object]:
    """Return everything about the person as JSON, and record the export. Only the operator may.

    Raises NotFound if nothing names the person.
    """
    if not actor.is_operator:
        raise NotPermitted
    person = person_of(email)
    kinds: dict[str, list[dict[str, object]]] = {}
    for place in places():
        if rows := [about(place, row, person) for row in rows_in(place, person)]:
            kinds.setdefault(place.name, []).extend(rows)
    lines = journal_lines(person)
    if not kinds and not lines:
        raise NotFound(NOBODY, email=person.mentions.address)
    details = {"rows": sum(map(len, kinds.values()))}
    subject = str(person.user_id or "")
    # Only now: reading takes a while, and no change must wait for it.
    with transaction.atomic():
        recorder.record(
            Event.PERSON_EXPORTED, actor=actor, account_id=None, subject_id=subject, details=details, now=now
        )
    return {
        "email": person.mentions.address,
        "exported_at": format_time(now),
        "rows": kinds,
        "revocation_journal": {"path": str(settings.JOURNAL), "lines": lines},
        "note": NOT_SEARCHED,
    }


def about(place: Place, row: Model, person: Person) -> dict[str, object]:
    """Return one row's facts."""
    named = [column for column in naming(place, row, person) if (place.name, column) not in SECRET]
    columns = COLUMNS.get(place.name)
    found = {name: getattr(row, name) for name in (columns.split() if columns else ["pk", *named])}
    if isinstance(row, OwedMail):
        found["facts"] = outbox.without_secrets(row)
    if place.name == "Authenticator":
        found["name"] = row.data.get("name")  # type: ignore[attr-defined]
    return found
