"""Erases a person: their access and their user in one transaction, then their address in every row that may change.

The second part goes in steps, so that a revoke never waits for it. An erasure that was interrupted is continued by the
next one, under the same pseudonym if an audit event tells which it was.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Model

from simsim.access_reviews.models import AccessReview, ReviewRow
from simsim.accounts.actions import keep_one_administrator, remove_user
from simsim.accounts.models import Membership, User
from simsim.accounts.operators import remove_operator
from simsim.accounts.people import memberships_of
from simsim.accounts.permissions import Actor, lock_open
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.console_sessions.selectors import end_sessions
from simsim.mail import outbox
from simsim.personal_data.places import Place, owners_of, places
from simsim.personal_data.records import NOBODY, STEP, Person, Records, naming, person_of, records_of, rows_in
from simsim.problem import ChangedMeanwhile, LastAdministrator, NotFound, NotPermitted, gettext_noop

PREFIX = "erased person "
RANDOM_BYTES = 6
LAST = gettext_noop(
    "%(email)s is the last administrator of %(accounts)s. Make someone else an administrator there first, or close the "
    "account."
)


@dataclass(frozen=True)
class Erasure:
    """The text that stands for the person now, the number of rows changed by kind, and what still names the person."""

    pseudonym: str
    changed: dict[str, int]
    kept: list[Records]


def erase_person(*, actor: Actor, email: str, now: datetime) -> Erasure:
    """Erase the person with this address, as far as their data need not stay for proof. Only the operator may.

    Raises LastAdministrator, which names the accounts, and NotFound if nothing names the person.
    """
    if not actor.is_operator:
        raise NotPermitted
    person = person_of(email)
    pseudonym = known_pseudonym(person) or PREFIX + secrets.token_hex(RANDOM_BYTES)
    changed: Counter[str] = Counter()
    if person.user is not None:
        changed += end_person(actor=actor, user=person.user, pseudonym=pseudonym, now=now)
    # By their address only: what refers to the user now refers to the pseudonym.
    unnamed = Person(person.mentions, None)
    changed += replace_everywhere(unnamed, pseudonym)
    if person.user is not None:
        end_sessions(person.user.pk)  # of a sign-in that began before and ended meanwhile: it opens nothing
    elif changed:
        record(actor, "", pseudonym, now)
    kept = records_of(unnamed)
    if not changed and not kept:
        raise NotFound(NOBODY, email=person.mentions.address)
    return Erasure(pseudonym, dict(changed), kept)


def known_pseudonym(person: Person) -> str | None:
    """Return the pseudonym that an interrupted erasure gave to the person, if one of their acts leads to it."""
    if person.user is not None:
        return None
    acts = AuditEvent.objects.filter(actor_label=person.mentions.address, actor_id__isnull=False)
    ids = acts.order_by().values_list("actor_id", flat=True).distinct()
    erased = User.objects.filter(pk__in=list(ids), email__startswith=PREFIX).order_by("-pk")
    return erased.values_list("email", flat=True).first()


@transaction.atomic
def end_person(*, actor: Actor, user: User, pseudonym: str, now: datetime) -> Counter[str]:
    """End the person's access, delete what is only theirs, and give their user the pseudonym; return how many rows.

    The user's row stays, because others refer to it: it has no address, opens nothing, and never signs in again.
    """
    # All locks before the first event, in the order of the actions: accounts, then the user.
    memberships = sorted(memberships_of(user), key=lambda each: str(each.account_id))
    for each in memberships:
        lock_open(each.account)
    user = User.objects.select_for_update().get(pk=user.pk)
    if {each.pk for each in memberships} != {each.pk for each in memberships_of(user)}:
        raise ChangedMeanwhile
    prove_not_last(user, memberships)
    if user.operator_since is not None:
        remove_operator(actor=actor, email=user.email, now=now)
    for each in memberships:
        remove_user(actor=actor, account=each.account, user=user, now=now)
    outbox.withdraw_to(user.email, why="the person was erased", now=now)
    changed = Counter({"Membership": len(memberships)}) + delete_owned(user)
    changed["User"] += User.objects.filter(pk=user.pk).update(
        email=pseudonym, password=make_password(None), is_active=False, last_login=None, operator_since=None,
        single_sign_on_waived_until=None,
    )  # fmt: skip
    record(actor, str(user.pk), pseudonym, now)
    return changed


def prove_not_last(user: User, memberships: list[Membership]) -> None:
    """Raise LastAdministrator if an account would be left without an administrator."""
    names = []
    for each in memberships:
        try:
            keep_one_administrator(each)
        except LastAdministrator:
            names.append(f"“{each.account.name}” ({each.account_id})")
    if names:
        raise LastAdministrator(LAST, email=user.email, accounts=", ".join(names))


def delete_owned(user: User) -> Counter[str]:
    """Delete the rows that end with the user: sessions, second factors, links, places in closed accounts, and so on."""
    deleted: Counter[str] = Counter()
    for place in places():
        for column in owners_of(place.model):
            _, by_model = place.model._default_manager.filter(**{column: user.pk}).delete()
            deleted.update({label.rpartition(".")[2]: number for label, number in by_model.items()})
    return deleted


def replace_everywhere(person: Person, pseudonym: str) -> Counter[str]:
    """Replace the address in the rows that may change, in steps of one short transaction each; return how many."""
    changed: Counter[str] = Counter()
    for place in places():
        if not place.kept:
            ids = [row.pk for row in rows_in(place, person)]
            for begin in range(0, len(ids), STEP):
                changed[place.name] += replace_some(place, ids[begin : begin + STEP], person, pseudonym)
    return +changed


@transaction.atomic
def replace_some(place: Place, ids: list[Any], person: Person, pseudonym: str) -> int:
    """Replace the address in those rows, as they are now; return how many changed."""
    if place.model is ReviewRow:
        # A review that is signed off at this moment would have a fingerprint of what its rows no longer say.
        list(AccessReview.objects.select_for_update(of=("self",)).filter(rows__pk__in=ids))
    changes = 0
    for row in place.rows().select_for_update(of=("self",)).filter(pk__in=ids):
        columns = naming(place, row, person)
        for column in columns:
            setattr(row, column, shortened(place, column, person.mentions.replaced(getattr(row, column), pseudonym)))
        if columns:
            row.save(update_fields=[*columns, *keys_set(row)])
            changes += 1
    return changes


def shortened(place: Place, column: str, value: object) -> object:
    """Return the value, cut where its column ends: the pseudonym can be longer than the address."""
    longest = getattr(place.model._meta.get_field(column), "max_length", None)
    return value[:longest] if longest and isinstance(value, str) else value


def keys_set(row: Model) -> Iterator[str]:
    """Set the keys that a token computes from its texts, and yield their names."""
    if hasattr(row, "set_keys"):
        row.set_keys()
        yield from ("name_key", "search_key")


def record(actor: Actor, user_id: str, pseudonym: str, now: datetime) -> None:
    """Record the erasure without the address; the id lets a restore name the person whom it brings back."""
    with transaction.atomic():
        recorder.record(
            Event.PERSON_ERASED, actor=actor, account_id=None, subject_id=user_id, details={"pseudonym": pseudonym},
            now=now,
        )  # fmt: skip
