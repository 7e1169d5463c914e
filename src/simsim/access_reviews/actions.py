"""Actions of a review: start it, decide about each row, and sign it off."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from simsim.access_reviews import documents
from simsim.access_reviews.fingerprint import fingerprint_of
from simsim.access_reviews.models import (
    REMINDED_BEFORE,
    TIME_TO_REVIEW,
    AccessReview,
    Decision,
    ReviewRow,
    RowKind,
)
from simsim.access_reviews.selectors import RowFilter, find_row, progress_of, rows_of
from simsim.access_reviews.snapshot import rows_now
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.texts import parse_line
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import (
    DecisionStands,
    FieldError,
    Invalid,
    NotPermitted,
    ReviewIncomplete,
    ReviewSignedOff,
    ReviewUnderWay,
    gettext_noop,
)
from simsim.tokens.actions import revoke_token
from simsim.tokens.shorter_life import shorten_token

MAX_NOTE_LENGTH = 200
WRITTEN_AT_ONCE = 500
KEPT_AS_IT_IS = gettext_noop("Keeping changes no expiry: to end the token earlier, choose Shorten.")
# A decision is replaced only by one that takes away as much or more.
STRENGTH = {"": 0, Decision.KEEP: 0, Decision.SHORTEN: 1, Decision.REVOKE: 2, Decision.ENDED: 2}


def start_review(*, actor: Actor, account: Account, now: datetime) -> AccessReview:
    """Start a review with a row for everything that grants access now. Raises ReviewUnderWay."""
    permit_review(actor, account)
    # Read before the transaction: on SQLite, everybody who writes waits for its end.
    rows = rows_now(account, now)
    with transaction.atomic():
        account = lock_open(account)
        if AccessReview.objects.filter(account=account, signed_off_at=None).exists():
            raise ReviewUnderWay(name=account.name)
        return store_review(account, rows, actor=actor, now=now)


def store_review(account: Account, rows: Sequence[ReviewRow], *, actor: Actor, now: datetime) -> AccessReview:
    """Store a review of an account that the caller has locked and that has no open one; record its start."""
    due_at = now + TIME_TO_REVIEW
    review = AccessReview.objects.create(
        account=account,
        started_at=now,
        started_by=actor.user,
        started_by_label=actor.label,
        due_at=due_at,
        remind_at=due_at - REMINDED_BEFORE,
    )
    for row in rows:
        row.review = review
    ReviewRow.objects.bulk_create(rows, batch_size=WRITTEN_AT_ONCE)
    details: dict[str, object] = {"rows": len(rows), "due_at": due_at.isoformat()}
    record(actor, review, Event.REVIEW_STARTED, details, now)
    return review


@transaction.atomic
def decide(
    *,
    actor: Actor,
    review: AccessReview,
    row_id: str | int,
    decision: str,
    note: str = "",
    expires: str = "",
    reason: str = "",
    now: datetime,
) -> ReviewRow:
    """Decide about one row. To shorten or to revoke a token takes effect at once, with the usual event and email.

    `expires` says until when a shortened token works; `reason` is the reason of a revocation. About a person or a
    management token, the only decision is to keep. Raises Invalid, ReviewSignedOff, DecisionStands, and TokenNotActive
    when the token has ended.
    """
    review = lock_review(actor, review)
    row = find_row(review, row_id)
    wanted = parse_decision(decision, row)
    line = parse_line("note", note, required=False, longest=MAX_NOTE_LENGTH)
    if wanted == Decision.KEEP and expires:
        # Enter in the field of the date presses the form's first button.
        raise Invalid(FieldError("expires", KEPT_AS_IT_IS))
    if STRENGTH[wanted] < STRENGTH[row.decision]:
        raise DecisionStands(name=row.name)
    if row.token is not None and wanted == Decision.REVOKE:
        revoke_token(actor=actor, token=row.token, reason=reason, now=now)
    elif row.token is not None and wanted == Decision.SHORTEN:
        row.new_expires_at = shorten_token(actor=actor, token=row.token, expires=expires, now=now).expires_at
    row.decision, row.note = wanted, line
    row.decided_at, row.decided_by, row.decided_by_label = now, actor.user, actor.label
    row.save(update_fields=["decision", "note", "new_expires_at", "decided_at", "decided_by", "decided_by_label"])
    details: dict[str, object] = {"name": row.name, "kind": row.kind, "decision": wanted.value, "note": line}
    record(actor, review, Event.REVIEW_DECIDED, details, now)
    return row


@transaction.atomic
def keep_rows(*, actor: Actor, review: AccessReview, chosen: RowFilter, note: str = "", now: datetime) -> int:
    """Keep every row that the filter chooses and that has no decision yet; return how many.

    Nothing is revoked for a whole filter: whoever revokes looks at each token.
    """
    review = lock_review(actor, review)
    line = parse_line("note", note, required=False, longest=MAX_NOTE_LENGTH)
    waiting = rows_of(review, chosen=RowFilter.OPEN, now=now).values("pk")
    kept = rows_of(review, chosen=chosen, now=now).filter(pk__in=waiting)
    values = {"decided_at": now, "decided_by": actor.user, "decided_by_label": actor.label}
    count = ReviewRow.objects.filter(pk__in=kept.values("pk")).update(decision=Decision.KEEP, note=line, **values)
    details: dict[str, object] = {"filter": chosen.value, "count": count, "note": line}
    record(actor, review, Event.REVIEW_ROWS_KEPT, details, now)
    return count


@transaction.atomic
def sign_off(*, actor: Actor, review: AccessReview, name: str, now: datetime) -> AccessReview:
    """Sign a review in which every row is decided. From then on it never changes, and its fingerprint proves that.

    `name` is the name of the person who signs. Raises Invalid, ReviewSignedOff, ReviewIncomplete, and NotPermitted for
    a program: only a person answers for a review.
    """
    review = lock_review(actor, review)
    if actor.management_token is not None:
        raise NotPermitted(gettext_noop("Only a person can sign off a review."))
    line = parse_line("name", name)
    progress = progress_of(review, now=now)
    if progress.open:
        raise ReviewIncomplete(number=str(progress.open))
    review.rows.filter(decision="").update(decision=Decision.ENDED, decided_at=now)
    review.signed_off_at, review.remind_at, review.signed_off_name = now, None, line
    review.signed_off_by, review.signed_off_by_label = actor.user, actor.label
    review.fingerprint = fingerprint_of(documents.whole(review, review.rows.order_by("pk")))
    review.save()
    details: dict[str, object] = {
        "name": line, "fingerprint": review.fingerprint, "decisions": progress.decided,
    }  # fmt: skip
    record(actor, review, Event.REVIEW_SIGNED_OFF, details, now)
    return review


@transaction.atomic
def export_review(*, actor: Actor, review: AccessReview, form: documents.FileFormat, now: datetime) -> bytes:
    """Return the file for auditors, and record the export; a review that is not signed off has no fingerprint yet."""
    permit(actor, Permission.MANAGE_PEOPLE, review.account)
    record(actor, review, Event.REVIEW_EXPORTED, {"format": form.value}, now)
    return documents.file_of(review, review.rows.order_by("pk"), form)


def permit_review(actor: Actor, account: Account) -> None:
    """Return if the actor may review the account: a review shows its people, and takes tokens away."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    permit(actor, Permission.MANAGE_TOKENS, account)


def lock_review(actor: Actor, review: AccessReview) -> AccessReview:
    """Return the review as it is now, locked against its sign-off; raise ReviewSignedOff, NotFound or NotPermitted."""
    permit_review(actor, review.account)
    fresh = AccessReview.objects.select_for_update(of=("self",)).select_related("account").get(pk=review.pk)
    if fresh.signed_off_at is not None:
        raise ReviewSignedOff(who=fresh.signed_off_name)
    return fresh


def parse_decision(text: str, row: ReviewRow) -> Decision:
    """Return the decision; raise Invalid for one that a row of this kind does not take."""
    offered = (Decision.KEEP, Decision.SHORTEN, Decision.REVOKE) if row.kind == RowKind.TOKEN else (Decision.KEEP,)
    found = next((each for each in offered if each == text), None)
    if found is None:
        message = gettext_noop("Choose one of these: %(known)s.")
        raise Invalid(FieldError("decision", message, {"known": ", ".join(offered)}))
    return found


def record(actor: Actor, review: AccessReview, event: Event, details: dict[str, object], now: datetime) -> None:
    recorder.record(event, actor=actor, account_id=review.account_id, subject_id=review.pk, details=details, now=now)
