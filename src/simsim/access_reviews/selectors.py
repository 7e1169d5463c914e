"""Finds reviews, their rows, and how far a review is."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from simsim.access_reviews.models import AccessReview, Decision, ReviewRow, RowKind
from simsim.accounts.models import Account, Membership
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.pagination import MAX_ID
from simsim.problem import NotFound

FAR = timedelta(days=90)


class RowFilter(StrEnum):
    """Which rows to list. The three about use and expiry leave people out."""

    ALL = "all"
    OPEN = "open"
    NEVER_USED = "never_used"
    UNUSED = "unused"
    FAR_EXPIRY = "far_expiry"
    PEOPLE = "people"


@dataclass(frozen=True)
class Progress:
    """How many rows a review has, by decision; `open` are those that still need one."""

    total: int
    open: int
    decided: dict[str, int]


def reviews_of(account: Account, *, actor: Actor) -> QuerySet[AccessReview]:
    """Return the account's reviews, newest first; raise NotFound or NotPermitted.

    A review lists people and management tokens, so whoever may not look after people may not read it.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    return AccessReview.objects.filter(account=account).select_related("account").order_by("-started_at", "pk")


def find_review(review_id: uuid.UUID | str, *, actor: Actor, account: Account | None = None) -> AccessReview:
    """Return the review, of the account if given; raise NotFound, also for another account's, or NotPermitted."""
    try:
        wanted = review_id if isinstance(review_id, uuid.UUID) else uuid.UUID(review_id)
    except ValueError:
        raise NotFound from None
    found = AccessReview.objects.select_related("account").filter(pk=wanted)
    review = (found.filter(account=account) if account else found).first()
    if review is None:
        raise NotFound
    permit(actor, Permission.MANAGE_PEOPLE, review.account)
    return review


def fingerprint_at_sign_off(review: AccessReview) -> str:
    """Return the fingerprint that the audit trail has of a review that the caller may read; "" before the sign-off."""
    events = AuditEvent.objects.filter(
        account_id=review.account_id, subject_id=str(review.pk), event=Event.REVIEW_SIGNED_OFF
    )
    event = events.order_by("pk").first()
    return str(event.details.get("fingerprint", "")) if event else ""


def find_row(review: AccessReview, row_id: str | int) -> ReviewRow:
    """Return a row of a review that the caller may read; raise NotFound."""
    text = str(row_id)
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
        raise NotFound
    row = review.rows.select_related("token__account", "token__software").filter(pk=int(text)).first()
    if row is None:
        raise NotFound
    row.review = review
    return row


def rows_of(review: AccessReview, *, chosen: RowFilter, now: datetime) -> QuerySet[ReviewRow]:
    """Return the rows of a review that the caller may read, as the snapshot lists them."""
    rows = review.rows.order_by("pk")
    if chosen == RowFilter.OPEN:
        return rows.filter(still_open(review.account, now))
    if chosen == RowFilter.PEOPLE:
        return rows.filter(kind=RowKind.PERSON)
    conditions = {
        RowFilter.NEVER_USED: Q(last_used_at=None),
        RowFilter.UNUSED: Q(last_used_at=None) | Q(last_used_at__lt=review.started_at - FAR),
        RowFilter.FAR_EXPIRY: Q(expires_at__gt=review.started_at + FAR),
    }
    return rows.exclude(kind=RowKind.PERSON).filter(conditions[chosen]) if chosen in conditions else rows


def still_open(account: Account, now: datetime) -> Q:
    """Return the condition of rows without a decision whose token works, or whose person still belongs here."""
    belongs = Exists(Membership.objects.filter(account=account, user=OuterRef("person")))
    return Q(decision="") & (
        Q(token__revoked_at=None, token__expires_at__gt=now)
        | Q(management_token__revoked_at=None, management_token__expires_at__gt=now)
        | Q(belongs)
    )


def progress_of(review: AccessReview, *, now: datetime) -> Progress:
    """Return how far a review is."""
    counted = dict(review.rows.values_list("decision").annotate(number=Count("pk")).order_by())
    waiting = rows_of(review, chosen=RowFilter.OPEN, now=now).count() if counted.get("") else 0
    decided = {each.value: counted.get(each, 0) for each in Decision}
    # What ended before anybody decided gets its decision at the sign-off.
    decided[Decision.ENDED.value] += counted.get("", 0) - waiting
    return Progress(sum(counted.values()), waiting, decided)
