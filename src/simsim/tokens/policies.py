"""Policies for tokens: the rules of an account, and the minimum that the installation sets (B10)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from simsim.accounts.models import Account
from simsim.accounts.operators import permit_operator
from simsim.accounts.permissions import Actor, Permission, administrators, lock_open, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens.models import Token
from simsim.tokens.policy_models import AccountPolicy, InstallationPolicy, LeakChoice, PolicyRow, Retrieval
from simsim.tokens.rules import MAX_LIFETIME

# The smallest and the largest number that can be chosen.
LIMITS = {
    "max_lifetime_days": (1, MAX_LIFETIME.days), "min_ipv4_prefix": (1, 32), "min_ipv6_prefix": (1, 128),
    # Twice as long as the time between the warning and the pause.
    "max_idle_days": (14, MAX_LIFETIME.days), "approval_above_days": (1, MAX_LIFETIME.days),
}  # fmt: skip
FLAGS = ("needs_allowlist", "approval_if_open")


@dataclass(frozen=True)
class TokenPolicy:
    """The rules for tokens: see `PolicyRow` for the fields."""

    max_lifetime_days: int | None = None
    needs_allowlist: bool = False
    min_ipv4_prefix: int | None = None
    min_ipv6_prefix: int | None = None
    retrieval: Retrieval = Retrieval.ADMINISTRATORS
    leak_response: LeakChoice = LeakChoice.REVOKE
    max_idle_days: int | None = None
    approval_above_days: int | None = None
    approval_if_open: bool = False

    @property
    def needs_approval(self) -> bool:
        """Whether some tokens need the approval of a second administrator."""
        return self.approval_above_days is not None or self.approval_if_open

    def min_prefix(self, version: int) -> int | None:
        """Return the prefix of the widest network of this IP version that is allowed, None for no limit."""
        return self.min_ipv4_prefix if version == 4 else self.min_ipv6_prefix

    def document(self) -> dict[str, object]:
        """Return the choices as JSON."""
        return {name: str(value) if isinstance(value, str) else value for name, value in asdict(self).items()}


DEFAULT = TokenPolicy()
# Demands nothing, so that an account may choose each option.
NO_FLOOR = TokenPolicy(leak_response=LeakChoice.PAUSE)


@dataclass(frozen=True)
class Policies:
    """The account's own policy, the installation's, and the one that applies: the stricter choice of each."""

    own: TokenPolicy
    floor: TokenPolicy

    @property
    def effective(self) -> TokenPolicy:
        own, floor = self.own, self.floor
        return TokenPolicy(
            lowest(own.max_lifetime_days, floor.max_lifetime_days),
            own.needs_allowlist or floor.needs_allowlist,
            highest(own.min_ipv4_prefix, floor.min_ipv4_prefix),
            highest(own.min_ipv6_prefix, floor.min_ipv6_prefix),
            max(own.retrieval, floor.retrieval, key=list(Retrieval).index),
            max(own.leak_response, floor.leak_response, key=list(LeakChoice).index),
            lowest(own.max_idle_days, floor.max_idle_days),
            lowest(own.approval_above_days, floor.approval_above_days),
            own.approval_if_open or floor.approval_if_open,
        )


def lowest(one: int | None, other: int | None) -> int | None:
    """Return the lower limit; None means no limit."""
    return min((each for each in (one, other) if each is not None), default=None)


def highest(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def policies_of(account: Account) -> Policies:
    """Return the policies that apply to the account."""
    row = AccountPolicy.objects.filter(account=account).first()
    return Policies(from_row(row) if row else DEFAULT, floor())


def floor() -> TokenPolicy:
    """Return the installation's minimum for every account."""
    row = InstallationPolicy.objects.filter(pk=InstallationPolicy.ONLY).first()
    return from_row(row) if row else NO_FLOOR


def token_policies(account: Account, *, actor: Actor) -> Policies:
    """Return the account's policies for display; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_TOKENS, account)
    return policies_of(account)


def from_row(row: PolicyRow) -> TokenPolicy:
    values = {each.name: getattr(row, each.name) for each in fields(TokenPolicy)}
    return replace(
        TokenPolicy(**values), retrieval=Retrieval(row.retrieval), leak_response=LeakChoice(row.leak_response)
    )


@transaction.atomic
def set_account_policy(
    *, actor: Actor, account: Account, choices: Mapping[str, Any], with_operator: bool = False, now: datetime
) -> Policies:
    """Change the account's policy; choices that are not given stay. The same choices change nothing.

    If passwords are no longer kept, those of the account's tokens are destroyed now. `with_operator` means that the
    operator makes the change for the administrator: only then can the rules for approvals be loosened. Raises Invalid
    with every choice that is not offered.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    # If two people save at once, the second must start from the first one's choices.
    account = lock_open(account)
    before = policies_of(account)
    after = parse_choices(choices, before=before.own)
    prove_approvals_stay(account, before.own, after, with_operator=with_operator)
    if after != before.own:
        AccountPolicy.objects.update_or_create(account=account, defaults=after.document())
    policies = Policies(after, before.floor)
    destroyed = destroy_passwords(Token.objects.filter(account=account)) if is_kept_no_longer(before, policies) else 0
    if after != before.own:
        record_change(actor, account, before.own, after, destroyed=destroyed, now=now)
    return policies


@transaction.atomic
def set_floor(*, actor: Actor, choices: Mapping[str, Any], now: datetime) -> TokenPolicy:
    """Set the installation's minimum for every account. Only the operator may do this."""
    permit_operator(actor)
    # Nobody may create a token meanwhile, whose password would be kept.
    list(Account.objects.select_for_update().order_by("pk").values_list("pk"))
    before = floor()
    after = parse_choices(choices, before=before)
    if after == before:
        return after
    InstallationPolicy.objects.update_or_create(pk=InstallationPolicy.ONLY, defaults=after.document())
    is_off = after.retrieval == Retrieval.OFF and before.retrieval != Retrieval.OFF
    destroyed = destroy_passwords(Token.objects.all()) if is_off else 0
    record_change(actor, None, before, after, destroyed=destroyed, now=now)
    return after


def prove_approvals_stay(account: Account, before: TokenPolicy, after: TokenPolicy, *, with_operator: bool) -> None:
    """Raise Invalid if one administrator would loosen what needs a second, or if there is no second to approve."""
    days, errors = after.approval_above_days, []
    loosened = {
        "approval_above_days": lowest(days, before.approval_above_days) != days,
        "approval_if_open": before.approval_if_open and not after.approval_if_open,
    }
    if not with_operator:
        message = gettext_noop(
            "Only the operator of this API can loosen this rule: one administrator could otherwise go around it."
        )
        errors = [FieldError(name, message) for name, is_loosened in loosened.items() if is_loosened]
    if after.needs_approval and not before.needs_approval and administrators(account).count() < 2:
        message = gettext_noop("Add a second administrator first: nobody else could approve a token.")
        names = [name for name in loosened if getattr(after, name) != getattr(before, name)]
        errors += [FieldError(name, message) for name in names]
    if errors:
        raise Invalid(*errors)


def is_kept_no_longer(before: Policies, after: Policies) -> bool:
    return after.effective.retrieval == Retrieval.OFF and before.effective.retrieval != Retrieval.OFF


def destroy_passwords(tokens: QuerySet[Token]) -> int:
    """Remove the encrypted passwords of the tokens, and return how many; they keep working."""
    return tokens.exclude(sealed_password=b"").update(sealed_password=b"")


def record_change(
    actor: Actor, account: Account | None, before: TokenPolicy, after: TokenPolicy, *, destroyed: int, now: datetime
) -> None:
    old, new = before.document(), after.document()
    changed: dict[str, object] = {name: [old[name], value] for name, value in new.items() if value != old[name]}
    account_id = account.pk if account else None
    recorder.record(
        Event.POLICY_CHANGED,
        actor=actor,
        account_id=account_id,
        subject_id=account_id or "",
        details=changed | ({"destroyed": destroyed} if destroyed else {}),
        now=now,
    )


def parse_choices(choices: Mapping[str, Any], *, before: TokenPolicy) -> TokenPolicy:
    """Return the policy with these choices; raise Invalid with one error for each that is not offered."""
    values, errors = asdict(before), []
    for name, wanted in choices.items():
        if name in LIMITS:
            least, most = LIMITS[name]
            is_number = isinstance(wanted, int) and not isinstance(wanted, bool) and least <= wanted <= most
            if wanted is not None and not is_number:
                message = gettext_noop("Enter a number from %(least)s to %(most)s.")
                errors.append(FieldError(name, message, {"least": str(least), "most": str(most)}))
            values[name] = wanted
        elif name in FLAGS and isinstance(wanted, bool):
            values[name] = wanted
        elif name == "retrieval" and wanted in Retrieval.values:
            values[name] = Retrieval(wanted)
        elif name == "leak_response" and wanted in LeakChoice.values:
            values[name] = LeakChoice(wanted)
        else:
            errors.append(FieldError(name, gettext_noop("Choose one of the options.")))
    if errors:
        raise Invalid(*errors)
    return TokenPolicy(**values)
