"""Who gets which notice, and how early expiry notices are sent: the defaults, and an account's choices (B10)."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account, Membership, Role
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens.policy_models import NoticePolicy


class Notice(StrEnum):
    """A notice about a token. The value is the kind of the email, and the folder of its templates."""

    CREATED = "token_created"
    EXPIRING = "token_expiring"
    EXPIRED = "token_expired"
    REVOKED = "token_revoked"
    PAUSED = "token_paused"
    RESUMED = "token_resumed"
    RETRIEVED = "token_credentials_retrieved"
    HANDED_OVER = "token_handed_over"
    ALLOWLIST_CHANGED = "token_allowlist_changed"
    ROTATED = "token_rotated"
    QUOTA_NEARLY_USED = "token_quota_nearly_used"
    QUOTA_USED_UP = "token_quota_used_up"


class Audience(TextChoices):
    ADMINISTRATORS = "administrators", _("Every administrator")
    CREATOR = "creator", _("The token’s creator")
    NOBODY = "nobody", _("Nobody")


EVERYBODY = (Audience.ADMINISTRATORS, Audience.CREATOR, Audience.NOBODY)
# The choices for each notice, starting with the default. R8 and R9 can't be switched off: without them a leak would go
# unnoticed, and a connection would break without warning.
CHOICES: Mapping[Notice, tuple[Audience, ...]] = {
    Notice.CREATED: (Audience.ADMINISTRATORS,),
    Notice.EXPIRING: (Audience.CREATOR, Audience.ADMINISTRATORS),
    Notice.EXPIRED: (Audience.CREATOR, Audience.ADMINISTRATORS, Audience.NOBODY),
    Notice.REVOKED: EVERYBODY,
    Notice.PAUSED: EVERYBODY,
    Notice.RESUMED: EVERYBODY,
    Notice.RETRIEVED: EVERYBODY,
    Notice.HANDED_OVER: EVERYBODY,
    Notice.ALLOWLIST_CHANGED: EVERYBODY,
    Notice.ROTATED: EVERYBODY,
    Notice.QUOTA_NEARLY_USED: EVERYBODY,
    Notice.QUOTA_USED_UP: EVERYBODY,
}
ALWAYS_DAYS = 2
EARLY_DAYS = (30, 14, 7, 1)


@dataclass(frozen=True)
class Policy:
    """The policy of one account: the audience of each notice, and the days of early expiry notices."""

    audiences: Mapping[Notice, Audience] = field(default_factory=dict)
    early_days: frozenset[int] = frozenset()

    def audience(self, notice: Notice) -> Audience:
        """Return who gets the notice; a choice that is no longer offered counts as the default."""
        chosen = self.audiences.get(notice)
        return chosen if chosen in CHOICES[notice] else CHOICES[notice][0]

    @property
    def announced_days(self) -> frozenset[int]:
        return self.early_days | {ALWAYS_DAYS}


DEFAULT = Policy()


def policies_of(account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Policy]:
    """Return the policies of the accounts that have chosen one, in one query; the others have DEFAULT."""
    return {row.account_id: policy_from_row(row) for row in NoticePolicy.objects.filter(account_id__in=account_ids)}


def policy_of(account_id: uuid.UUID) -> Policy:
    """Return the account's policy."""
    return policies_of([account_id]).get(account_id, DEFAULT)


def notice_policy(account: Account, *, actor: Actor) -> Policy:
    """Return the account's policy for display; raise NotFound or NotPermitted."""
    permit(actor, Permission.MANAGE_TOKENS, account)
    return policy_of(account.pk)


@transaction.atomic
def set_notice_policy(
    *, actor: Actor, account: Account, audiences: Mapping[str, str], early_days: Iterable[int], now: datetime
) -> Policy:
    """Choose who gets which notice and how early expiry notices are sent; notices not in `audiences` stay as they are.

    Raises Invalid, naming the notice, for an audience that is not offered for it, and for days not in EARLY_DAYS.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    # Lock the account: if two people save at once, the second must start from the first one's choices.
    lock_open(account)
    before = policy_of(account.pk)
    after = Policy({**before.audiences, **parse_audiences(audiences)}, parse_days(early_days))
    if row_values(after) != row_values(before):
        NoticePolicy.objects.update_or_create(account=account, defaults=row_values(after))
        changed = {key: [row_values(before)[key], value] for key, value in row_values(after).items()}
        recorder.record(
            Event.NOTICES_CHANGED,
            actor=actor,
            account_id=account.pk,
            subject_id=account.pk,
            details={key: value for key, value in changed.items() if value[0] != value[1]},
            now=now,
        )
    return after


def parse_audiences(audiences: Mapping[str, str]) -> dict[Notice, Audience]:
    """Return the choices; raise Invalid with one error for each that is not offered."""
    offered = {notice.value: {choice.value: choice for choice in CHOICES[notice]} for notice in Notice}
    wrong = [name for name, wanted in audiences.items() if wanted not in offered.get(name, {})]
    if wrong:
        raise Invalid(*(FieldError(name, gettext_noop("Choose one of the options.")) for name in wrong))
    return {Notice(name): offered[name][wanted] for name, wanted in audiences.items()}


def parse_days(days: Iterable[int]) -> frozenset[int]:
    """Return the days of additional expiry notices; raise Invalid for a day that is not offered."""
    chosen = frozenset(days)
    if not chosen <= set(EARLY_DAYS):
        raise Invalid(FieldError("early_days", gettext_noop("Choose among 30, 14, 7 and 1 days before.")))
    return chosen


def policy_from_row(row: NoticePolicy) -> Policy:
    """Return the policy in a row, without values that this version does not know."""
    known = {notice.value for notice in Notice}
    audiences = {
        Notice(name): Audience(value)
        for name, value in row.audiences.items()
        if name in known and value in Audience.values
    }
    return Policy(audiences, frozenset(row.early_days) & set(EARLY_DAYS))


def row_values(policy: Policy) -> dict[str, object]:
    """Return the policy as its row stores it: in full, so that later defaults don't change anybody's choice."""
    return {
        "audiences": {notice.value: policy.audience(notice).value for notice in Notice},
        "early_days": sorted(policy.early_days, reverse=True),
    }


def administrators_of(account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[int, str]]:
    """Return the active administrators of each account: their addresses by user, in one query."""
    found: dict[uuid.UUID, dict[int, str]] = {account_id: {} for account_id in account_ids}
    memberships = Membership.objects.filter(
        account_id__in=account_ids, account__closed_at=None, role=Role.ADMINISTRATOR, user__is_active=True
    ).values_list("account_id", "user_id", "user__email")
    for account_id, user_id, email in memberships:
        found[account_id][user_id] = email
    return found


def recipients(audience: Audience, administrators: Mapping[int, str], creator_id: int | None) -> dict[int, str]:
    """Return who gets a notice: the creator while they administer the account, otherwise all administrators (R9).

    Members see no tokens, so a creator who has become a member gets no notices about them.
    """
    if audience == Audience.NOBODY:
        return {}
    if audience == Audience.CREATOR and creator_id is not None and creator_id in administrators:
        return {creator_id: administrators[creator_id]}
    return dict(administrators)
