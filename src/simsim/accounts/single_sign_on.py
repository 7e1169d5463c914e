"""Single sign-on: which accounts require a sign-in at the provider, and the operator's temporary exception."""

from datetime import datetime, timedelta

from django.db import transaction

from simsim.accounts.models import Account, Membership, Role, SingleSignOn, User
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.accounts.sign_in_changes import Change, report
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, NotPermitted, SignInAtProviderFirst, gettext_noop

MAX_WAIVER = timedelta(days=7)


def is_required(membership: Membership, *, now: datetime) -> bool:
    """Whether the account admits this person only after a sign-in at the provider."""
    required = membership.account.single_sign_on
    is_exempt = required == SingleSignOn.ADMINISTRATORS and membership.role != Role.ADMINISTRATOR
    if required == SingleSignOn.OFF or is_exempt:
        return False
    waived_until = membership.user.single_sign_on_waived_until
    return waived_until is None or waived_until <= now


@transaction.atomic
def require_single_sign_on(
    *, actor: Actor, account: Account, required: str, signed_in_at_provider: bool, now: datetime
) -> Account:
    """Require single sign-on of nobody, of administrators or of everyone; the same choice changes nothing.

    Raises SignInAtProviderFirst for an administrator who requires it without using it: they would lock themselves out,
    and perhaps everybody else.
    """
    permit(actor, Permission.MANAGE_PEOPLE, account)
    account = lock_open(account)
    if required not in SingleSignOn.values:
        raise Invalid(FieldError("required", gettext_noop("Choose off, administrators or everyone.")))
    before = account.single_sign_on
    if before == required:
        return account
    if required != SingleSignOn.OFF and actor.user is not None and not signed_in_at_provider:
        raise SignInAtProviderFirst
    account.single_sign_on = required
    account.save(update_fields=["single_sign_on"])
    details = {"before": before, "required": required}
    recorder.record(
        Event.SINGLE_SIGN_ON_POLICY_CHANGED,
        actor=actor, account_id=account.pk, subject_id=account.pk, details=details, now=now,
    )  # fmt: skip
    return account


@transaction.atomic
def waive_single_sign_on(*, actor: Actor, user: User, until: datetime | None, now: datetime) -> User:
    """Let a person use their password in accounts that require single sign-on, until then; None ends that.

    Only the operator may do this, for when the provider is down. It is recorded in each of the person's accounts, and
    they are told by email. Raises Invalid for a time that is past, or more than a week away.
    """
    if not actor.is_operator:
        raise NotPermitted
    if until is not None and not now < until <= now + MAX_WAIVER:
        raise Invalid(FieldError("until", gettext_noop("Choose a time in the next seven days.")))
    user.single_sign_on_waived_until = until
    user.save(update_fields=["single_sign_on_waived_until"])
    change = Change.SINGLE_SIGN_ON_WAIVED if until else Change.SINGLE_SIGN_ON_WAIVER_ENDED
    report(change, actor=actor, user=user, until=until, now=now)
    return user
