"""The catalogue of target software: data that the operator extends (R7)."""

import re
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.accounts.texts import parse_line
from simsim.audit import recording
from simsim.audit.events import Event
from simsim.problem import AlreadyExists, FieldError, Invalid, NotPermitted, gettext_noop
from simsim.tokens.models import TargetSoftware, Token

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", re.ASCII)
LONGEST_SLUG = 50
LONGEST_NAME = 100


def software_in_use(account: Account) -> QuerySet[TargetSoftware]:
    """Return the software that tokens of the account, ended ones included, are made for, by name."""
    # One look into an index for each entry of the short catalogue: as a list of its software, every token is read.
    return TargetSoftware.objects.filter(Exists(Token.objects.filter(account=account, software=OuterRef("pk"))))


@transaction.atomic
def add_software(*, actor: Actor, slug: str, name: str, now: datetime) -> TargetSoftware:
    """Add software that tokens can be made for; only the operator may.

    Raises Invalid for an unusable slug or name, AlreadyExists when one of them is taken.
    """
    if not actor.is_operator:
        raise NotPermitted
    if not SLUG.match(slug) or len(slug) > LONGEST_SLUG:
        raise Invalid(
            FieldError("slug", gettext_noop("Lower-case letters, digits and single hyphens, at most 50 characters."))
        )
    name = parse_line("name", name, longest=LONGEST_NAME)
    if TargetSoftware.objects.filter(Q(slug=slug) | Q(name__iexact=name)).exists():
        raise AlreadyExists(gettext_noop("The catalogue has “%(slug)s” or “%(name)s” already."), slug=slug, name=name)
    software = TargetSoftware.objects.create(slug=slug, name=name)
    recording.record(
        event=Event.SOFTWARE_ADDED,
        actor_id=None,
        actor_label=actor.label,
        account_id=None,
        subject_id=slug,
        details={"slug": slug, "name": name},
        now=now,
    )
    return software
