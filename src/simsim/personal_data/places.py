"""Where a person's data can be: the references to their user and the text columns of every table but the log's.

A table that is new is searched, and erased, without a word here. Only what must stay is named, with the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models
from django.db.models import Q
from django.db.models.fields.related import ForeignKey

from simsim.access_reviews.models import AccessReview, ReviewRow
from simsim.accounts.models import Account, User
from simsim.audit.models import AuditEvent
from simsim.mail.models import SECRET_FACTS, OwedMail
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.webhooks.models import WebhookEndpoint

# It says what programs called, not who: nobody's row can be told from the others. It is deleted for its age.
LOG = "request_log"
TRAIL = "chained, and kept for proof (SIMSIM_AUDIT_RETENTION_DAYS)"
SIGNED = "signed off, and kept for proof as long as the account exists"
IS_SIGNED = Q(signed_off_at__isnull=False)
NAME = "the account’s own name: simsim account rename changes it"
CREDENTIALS = "part of the credentials of a program of the account"
URL = "the account’s own URL: an administrator can change it"


@dataclass(frozen=True)
class Place:
    """Columns of one table that can name a person; of the rows, those that meet `condition`.

    `references` lead to their user, in `owned` rows that end with it. `kept` says why an erasure changes nothing here,
    "" if it erases.
    """

    model: type[models.Model]
    texts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    condition: Q = field(default_factory=Q)
    kept: str = ""
    owned: bool = False

    @property
    def name(self) -> str:
        return self.model.__name__

    def rows(self) -> "models.QuerySet[models.Model]":
        return self.model._default_manager.filter(self.condition)


# The rows, or the columns, that an erasure leaves as they are.
KEPT = (
    Place(AuditEvent, kept=TRAIL),
    Place(AccessReview, condition=IS_SIGNED, kept=SIGNED),
    Place(ReviewRow, condition=Q(review__in=AccessReview.objects.filter(IS_SIGNED)), kept=SIGNED),
    Place(Account, kept=NAME),
    Place(ImportedCredentials, kept=CREDENTIALS),
    Place(WebhookEndpoint, texts=("url",), kept=URL),
)
# Emails with a secret wait encrypted, so that no search sees what they say.
ENCRYPTED: dict[type[models.Model], Q] = {
    OwedMail: Q(kind__in=SECRET_FACTS, delivered_at=None, given_up_at=None),
}


def places() -> Iterator[Place]:
    """Yield every place in which a person can be named."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label == LOG:
            continue
        texts, references = text_columns(model), references_of(model)
        kept = [each for each in KEPT if each.model is model]
        whole = [each for each in kept if not each.texts]
        for each in kept:
            yield Place(model, each.texts or texts, () if each.texts else references, each.condition, each.kept)
        if whole and not whole[0].condition:
            continue
        apart = {text for each in kept for text in each.texts}
        condition = ~whole[0].condition if whole else Q()
        left = tuple(text for text in texts if text not in apart)
        if left or references:
            yield Place(model, left, references, condition, owned=bool(owners_of(model)))


def text_columns(model: type[models.Model]) -> tuple[str, ...]:
    """Return the names of the columns with text that a person or a program chose."""
    kinds = (models.CharField, models.TextField, models.JSONField)
    fields = [each for each in model._meta.concrete_fields if isinstance(each, kinds)]
    return tuple(each.attname for each in fields if not each.choices and not each.primary_key)


def references_of(model: type[models.Model]) -> tuple[str, ...]:
    """Return the names of the columns with the id of a user."""
    if model is User:
        return ("id",)
    if model is AuditEvent:
        return ("actor_id",)  # a copy: the event outlives the user
    fields = model._meta.concrete_fields
    return tuple(each.attname for each in fields if isinstance(each, ForeignKey) and each.related_model is User)


def owners_of(model: type[models.Model]) -> tuple[str, ...]:
    """Return those references whose rows end with the user: sessions, second factors, memberships and the like."""
    named = set(references_of(model))
    return tuple(
        each.attname
        for each in model._meta.concrete_fields
        if each.attname in named and isinstance(each, ForeignKey) and each.remote_field.on_delete is models.CASCADE
    )
