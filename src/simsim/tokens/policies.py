"""Policies for tokens: the rules of an account, and the minimum that the installation sets (B10)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from simsim.accounts.models import Account
from simsim.accounts.operators import permit_operator
from simsim.accounts.permissions import Actor, Permission, lock_open, permit
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens.field_errors import Errors
from simsim.tokens.models import Token
from simsim.tokens.policy_models import AccountPolicy, InstallationPolicy, LeakChoice, PolicyRow, Retrieval
from simsim.tokens.rules import MAX_LIFETIME, end_of


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
        )


@dataclass(frozen=True)
class Outside:
    """A token that does not meet the policy, and why, each reason with the field that it is about."""

    token: Token
    reasons: list[FieldError]


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
def set_account_policy(*, actor: Actor, account: Account, choices: Mapping[str, Any], now: datetime) -> Policies:
    """Change the account's policy; choices that are not given stay. The same choices change nothing.

    If passwords are no longer kept, those of the account's tokens are destroyed now. Raises Invalid with every choice
    that is not offered.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    # If two people save at once, the second must start from the first one's choices.
    account = lock_open(account)
    before = policies_of(account)
    after = parse_choices(choices, before=before.own)
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
    limits = {
        "max_lifetime_days": (1, MAX_LIFETIME.days), "min_ipv4_prefix": (1, 32), "min_ipv6_prefix": (1, 128),
        # Twice as long as the time between the warning and the pause.
        "max_idle_days": (14, MAX_LIFETIME.days),
    }  # fmt: skip
    values, errors = asdict(before), []
    for name, wanted in choices.items():
        if name in limits:
            least, most = limits[name]
            is_number = isinstance(wanted, int) and not isinstance(wanted, bool) and least <= wanted <= most
            if wanted is not None and not is_number:
                message = gettext_noop("Enter a number from %(least)s to %(most)s.")
                errors.append(FieldError(name, message, {"least": str(least), "most": str(most)}))
            values[name] = wanted
        elif name == "needs_allowlist" and isinstance(wanted, bool):
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


def lifetime_errors(policy: TokenPolicy, expires_at: datetime, *, since: datetime) -> list[FieldError]:
    """Return why a token that begins then expires too late: the last day that is allowed counts in full."""
    days = policy.max_lifetime_days
    if days is None or expires_at <= end_of((since + timedelta(days=days)).date()):
        return []
    message = gettext_noop("A policy limits the lifetime of tokens to %(days)s days.")
    return [FieldError("expires_at", message, {"days": str(days)})]


def allowlist_errors(policy: TokenPolicy, networks: Iterable[str], *, report_only: bool) -> list[FieldError]:
    """Return why an allowlist in normal form lets in too much."""
    listed = list(networks)
    if policy.needs_allowlist and not listed:
        return [FieldError("allowed_networks", gettext_noop("A policy requires at least one allowed network."))]
    errors = []
    if policy.needs_allowlist and report_only:
        errors.append(FieldError("report_only", gettext_noop("A policy requires that the allowlist is enforced.")))
    for index, text in enumerate(listed):
        network = ip_network(text)
        widest = policy.min_prefix(network.version)
        if widest is not None and network.prefixlen < widest:
            message = gettext_noop("%(network)s is too wide: a policy allows no network wider than /%(prefix)s.")
            errors.append(FieldError(f"allowed_networks.{index}", message, {"network": text, "prefix": str(widest)}))
    return errors


def prove_new_token(errors: Errors, policy: TokenPolicy, values: Mapping[str, Any], *, now: datetime) -> None:
    """Add to `errors` each rule that a new token breaks; values that are None have errors of their own."""
    if values["expires_at"] is not None:
        errors.found += lifetime_errors(policy, values["expires_at"], since=now)
    if values["allowed_networks"] is not None:
        errors.found += allowlist_errors(policy, values["allowed_networks"], report_only=values["report_only"])


def prove_changed_list(errors: Errors, token: Token, before: Mapping[str, object]) -> None:
    """Add to `errors` each rule that a changed list breaks; a list that equals `before` is not checked."""
    is_changed = (token.allowed_networks, token.report_only) != (before["allowed_networks"], before["report_only"])
    # A list with errors of its own is empty here, and the person hears of them first.
    if is_changed and not errors.found:
        policy = policies_of(token.account).effective
        errors.found += allowlist_errors(policy, token.allowed_networks, report_only=token.report_only)


def tokens_outside(account: Account, policy: TokenPolicy, *, actor: Actor, now: datetime) -> list[Outside]:
    """Return the account's tokens that have not ended and do not meet the policy, those that expire first at the top.

    A policy that changes stops none of them.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    found = []
    for token in Token.objects.filter(account=account).active(now).order_by(F("expires_at"), "pk"):
        reasons = lifetime_errors(policy, token.expires_at, since=token.created_at)
        reasons += allowlist_errors(policy, token.allowed_networks, report_only=token.report_only)
        if reasons:
            found.append(Outside(token, reasons))
    return found
