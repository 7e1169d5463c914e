"""Reviews that start by themselves, and the emails about them: each starts once, and each email is sent once."""

import calendar
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from simsim.access_reviews.actions import permit_review, store_review
from simsim.access_reviews.models import AccessReview, Interval, ReviewSchedule
from simsim.access_reviews.snapshot import rows_now
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.mail import outbox
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens.notice_policy import administrators_of
from simsim.tokens.notices import address_of, written

KIND = "access_review_due"
# This actor passes no permit(): the account's schedule is the permission.
SCHEDULE = Actor("schedule for access reviews")


def schedule_of(account: Account, *, actor: Actor) -> ReviewSchedule:
    """Return the account's schedule, which is unsaved and off if nobody has chosen one."""
    permit(actor, Permission.MANAGE_PEOPLE, account)
    return ReviewSchedule.objects.filter(account=account).first() or ReviewSchedule(account=account)


@transaction.atomic
def set_schedule(*, actor: Actor, account: Account, every: str, now: datetime) -> ReviewSchedule:
    """Choose how often a review starts by itself; the first starts after one interval. Raises Invalid.

    Choosing the same again changes nothing, so that the next review is not put off.
    """
    permit_review(actor, account)
    if every not in Interval.values:
        message = gettext_noop("Choose one of these: %(known)s.")
        raise Invalid(FieldError("every", message, {"known": ", ".join(Interval.values)}))
    account = lock_open(account)
    schedule = schedule_of(account, actor=actor)
    if schedule.every == every:
        return schedule
    before, schedule.every = schedule.every, every
    schedule.next_at = months_after(now, months) if (months := Interval(every).months) else None
    schedule.save()
    details: dict[str, object] = {"every": [str(before), every]}
    recorder.record(
        Event.REVIEW_SCHEDULE_CHANGED, actor=actor, account_id=account.pk, subject_id=account.pk, details=details,
        now=now,
    )  # fmt: skip
    return schedule


def start_due(*, now: datetime) -> int:
    """Start the reviews that are due, and send the reminders that are due; return how many. Workers share the work."""
    due = ReviewSchedule.objects.filter(next_at__lte=now, account__closed_at=None).select_related("account")
    started = [start_scheduled(schedule.account, now=now) for schedule in due]
    late = AccessReview.objects.filter(remind_at__lte=now, account__closed_at=None)
    return sum(started) + sum(remind(review, now=now) for review in late)


def start_scheduled(account: Account, *, now: datetime) -> bool:
    """Start the account's review if it is still due, and move its schedule on; return whether one was started.

    While a review is open, no other starts: the open one shows what the next would.
    """
    rows = rows_now(account, now)
    with transaction.atomic():
        account = lock_open(account)
        # Of two workers, the second finds the date moved on.
        schedule = ReviewSchedule.objects.select_for_update().filter(account=account, next_at__lte=now).first()
        if schedule is None or schedule.next_at is None:
            return False
        schedule.next_at = months_after(max(schedule.next_at, now), Interval(schedule.every).months)
        schedule.save(update_fields=["next_at"])
        if AccessReview.objects.filter(account=account, signed_off_at=None).exists():
            return False
        review = store_review(account, rows, actor=SCHEDULE, now=now)
        owe_emails(review, {"is_reminder": False, "count": len(rows)}, now=now)
    return True


@transaction.atomic
def remind(review: AccessReview, *, now: datetime) -> bool:
    """Send the one reminder of a review, if it is still due; return whether it was."""
    # The condition is the lock: of two workers, one changes the row.
    if not AccessReview.objects.filter(pk=review.pk, remind_at__lte=now, signed_off_at=None).update(remind_at=None):
        return False
    owe_emails(review, {"is_reminder": True, "count": review.rows.count()}, now=now)
    return True


def owe_emails(review: AccessReview, facts: Mapping[str, object], *, now: datetime) -> None:
    """Queue an email about the review to every administrator."""
    occasion = "reminder" if facts["is_reminder"] else "started"
    told = {
        "account": review.account.name,
        "due_at": written(review.due_at),
        "link": f"{address_of(review.account_id)}access-reviews/{review.pk}/",
        **facts,
    }
    people = administrators_of([review.account_id])[review.account_id]
    outbox.owe_all(
        [
            outbox.Mail(KIND, email, f"{KIND}:{review.pk}:{user_id}:{occasion}", told, review.account_id)
            for user_id, email in sorted(people.items())
        ],
        now=now,
    )


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same day and time that many months later, or the month's last day where it has no such day."""
    year, month = divmod(moment.month - 1 + months, 12)
    last = calendar.monthrange(moment.year + year, month + 1)[1]
    return moment.replace(year=moment.year + year, month=month + 1, day=min(moment.day, last))
