"""The catalogue of target software, which the operator extends (R7)."""

import re
import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.name_keys import name_key, same_named
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import AlreadyExists, FieldError, Invalid, NotFound, NotPermitted, gettext_noop
from simsim.tokens.models import TargetSoftware, Token

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", re.ASCII)
MAX_SLUG_LENGTH = 50
MAX_NAME_LENGTH = 100
# In URLs, this slug stands for tokens without software.
NO_SOFTWARE = "none"


def offered_software(present: TargetSoftware | None = None) -> list[TargetSoftware]:
    """Return the software that a token can have: the catalogue, with a retired entry only if it is the current one."""
    return [entry for entry in TargetSoftware.objects.all() if entry.retired_at is None or entry == present]


def software_in_use(account: Account) -> QuerySet[TargetSoftware]:
    """Return the software of the account's tokens, ended ones included, sorted by name."""
    # This takes one index lookup per entry of the short catalogue; collecting the software of all tokens would read
    # each token.
    return TargetSoftware.objects.filter(Exists(Token.objects.filter(account=account, software=OuterRef("pk"))))


def tokens_made_for(slug: str, *, actor: Actor, account: Account) -> frozenset[uuid.UUID]:
    """Return the ids of the account's tokens, ended ones too, that have this software now; `none` finds tokens without.

    Raises Invalid for a slug that is not in the catalogue, and NotFound or NotPermitted.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    tokens = Token.objects.filter(account=account)
    if slug == NO_SOFTWARE:
        return frozenset(tokens.filter(software=None).values_list("pk", flat=True))
    if not SLUG.match(slug) or not TargetSoftware.objects.filter(slug=slug).exists():
        raise Invalid(FieldError("software", gettext_noop("The catalogue has no software with this short name.")))
    return frozenset(tokens.filter(software__slug=slug).values_list("pk", flat=True))


@transaction.atomic
def add_software(*, actor: Actor, slug: str, name: str, now: datetime) -> TargetSoftware:
    """Add software to the catalogue; only the operator may do this.

    Raises Invalid for an unusable slug or name, AlreadyExists if one of them is taken.
    """
    if not actor.is_operator:
        raise NotPermitted
    if not SLUG.match(slug) or len(slug) > MAX_SLUG_LENGTH:
        raise Invalid(
            FieldError("slug", gettext_noop("Lower-case letters, digits and single hyphens, at most 50 characters."))
        )
    if slug == NO_SOFTWARE:
        raise Invalid(
            FieldError("slug", gettext_noop("“none” is reserved for tokens without software. Choose another name."))
        )
    name = parse_line("name", name, longest=MAX_NAME_LENGTH)
    taken = AlreadyExists(gettext_noop("The catalogue already has “%(slug)s” or “%(name)s”."), slug=slug, name=name)
    # Compare with every entry: the catalogue is short, and older code may have stored an entry without a key.
    if TargetSoftware.objects.filter(slug=slug).exists() or same_named(TargetSoftware.objects.all(), name) is not None:
        raise taken
    try:
        with transaction.atomic():
            software = TargetSoftware.objects.create(slug=slug, name=name, name_key=name_key(name))
    except IntegrityError as error:
        raise taken from error
    recorder.record(
        Event.SOFTWARE_ADDED,
        actor=actor,
        account_id=None,
        subject_id=slug,
        details={"slug": slug, "name": name},
        now=now,
    )
    return software


@transaction.atomic
def retire_software(*, actor: Actor, slug: str, now: datetime) -> TargetSoftware:
    """Take software out of the choice for new tokens; tokens that have it keep it. Only the operator may do this.

    Retiring it again changes nothing. Raises NotFound for a slug that is not in the catalogue.
    """
    if not actor.is_operator:
        raise NotPermitted
    software = TargetSoftware.objects.select_for_update().filter(slug=slug).first()
    if software is None:
        raise NotFound(gettext_noop("The catalogue has no software with the short name “%(slug)s”."), slug=slug)
    if software.retired_at is None:
        software.retired_at = now
        software.save(update_fields=["retired_at"])
        recorder.record(
            Event.SOFTWARE_RETIRED,
            actor=actor,
            account_id=None,
            subject_id=slug,
            details={"slug": slug, "name": software.name},
            now=now,
        )
    return software
