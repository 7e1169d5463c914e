"""What a policy refuses, which tokens it wants a second administrator to approve, and which do not meet it (B10)."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.db.models import F

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential import allowlist
from simsim.problem import FieldError, gettext_noop
from simsim.tokens.field_errors import Errors
from simsim.tokens.models import RequestAnswer, Token, TokenRequest
from simsim.tokens.policies import TokenPolicy, policies_of
from simsim.tokens.rules import end_of


@dataclass(frozen=True)
class Outside:
    """A token that does not meet the policy, and why, each reason with the field that it is about."""

    token: Token
    reasons: list[FieldError]


def lives_longer(expires_at: datetime, days: int | None, *, since: datetime) -> bool:
    """Whether a token that begins then lives for more days: the last of them counts in full. None is no limit."""
    return days is not None and expires_at > end_of((since + timedelta(days=days)).date())


def is_open(networks: Iterable[str], *, report_only: bool) -> bool:
    """Whether any address, or any address of IPv4 or IPv6, may use a token with this allowlist in normal form."""
    listed = [ip_network(text) for text in networks]
    return report_only or not listed or bool(allowlist.whole_families(allowlist.pack(listed)))


def lifetime_errors(policy: TokenPolicy, expires_at: datetime, *, since: datetime) -> list[FieldError]:
    """Return why a token that begins then expires too late."""
    days = policy.max_lifetime_days
    if not lives_longer(expires_at, days, since=since):
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


def approval_reasons(
    policy: TokenPolicy, expires_at: datetime, networks: Iterable[str], *, report_only: bool, since: datetime
) -> list[FieldError]:
    """Return why a token that begins then needs the approval of a second administrator."""
    reasons = []
    if lives_longer(expires_at, days := policy.approval_above_days, since=since):
        message = gettext_noop(
            "A token that lives longer than %(days)s days needs the approval of a second administrator."
        )
        reasons.append(FieldError("expires_at", message, {"days": str(days)}))
    if policy.approval_if_open and is_open(networks, report_only=report_only):
        message = gettext_noop("A token that any address may use needs the approval of a second administrator.")
        reasons.append(FieldError("allowed_networks", message))
    return reasons


def prove_new_token(errors: Errors, policy: TokenPolicy, values: Mapping[str, Any], *, now: datetime) -> None:
    """Add to `errors` each rule that a new token breaks; values that are None have errors of their own."""
    if values["expires_at"] is not None:
        errors.found += lifetime_errors(policy, values["expires_at"], since=now)
    if values["allowed_networks"] is not None:
        errors.found += allowlist_errors(policy, values["allowed_networks"], report_only=values["report_only"])


def reasons_for_new_token(policy: TokenPolicy, values: Mapping[str, Any], *, now: datetime) -> list[FieldError]:
    """Return why a new token with these values, which are valid, needs an approval."""
    return approval_reasons(
        policy, values["expires_at"], values["allowed_networks"], report_only=values["report_only"], since=now
    )


def changed_list_errors(
    policy: TokenPolicy, networks: Iterable[str], *, report_only: bool, was_open: bool
) -> list[FieldError]:
    """Return why an existing token may not get this allowlist. No approval opens it: a new token needs one."""
    listed = list(networks)
    errors = allowlist_errors(policy, listed, report_only=report_only)
    if policy.approval_if_open and not was_open and is_open(listed, report_only=report_only):
        message = gettext_noop(
            "A token that any address may use needs the approval of a second administrator. Ask for a new token."
        )
        errors.append(FieldError("allowed_networks", message))
    return errors


def prove_changed_list(errors: Errors, token: Token, networks_before: list[str], *, report_only_before: bool) -> None:
    """Add to `errors` each rule that a changed list breaks; a list that is as before is not checked."""
    is_changed = (token.allowed_networks, token.report_only) != (networks_before, report_only_before)
    # A list with errors of its own is empty here, and the person hears of them first.
    if is_changed and not errors.found:
        policy = policies_of(token.account).effective
        was_open = is_open(networks_before, report_only=report_only_before)
        errors.found += changed_list_errors(
            policy, token.allowed_networks, report_only=token.report_only, was_open=was_open
        )


def tokens_outside(account: Account, policy: TokenPolicy, *, actor: Actor, now: datetime) -> list[Outside]:
    """Return the account's tokens that have not ended and do not meet the policy, those that expire first at the top.

    A policy that changes stops none of them.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    found = []
    approved = approved_lists(account) if policy.needs_approval else {}
    for token in Token.objects.filter(account=account).active(now).order_by(F("expires_at"), "pk"):
        reasons = lifetime_errors(policy, token.expires_at, since=token.created_at)
        reasons += allowlist_errors(policy, token.allowed_networks, report_only=token.report_only)
        reasons += unapproved(policy, token, approved)
        if reasons:
            found.append(Outside(token, reasons))
    return found


def approved_lists(account: Account) -> dict[uuid.UUID, bool]:
    """Return the account's approved tokens, each with whether it was approved for any address."""
    granted = TokenRequest.objects.filter(
        account=account, answer=RequestAnswer.GRANTED, token__isnull=False, proposal__isnull=False
    )
    found: dict[uuid.UUID, bool] = {}
    for token_id, proposal in granted.values_list("token_id", "proposal"):
        if token_id is not None and proposal is not None:
            found[token_id] = is_open(proposal["allowed_networks"], report_only=proposal["report_only"])
    return found


def unapproved(policy: TokenPolicy, token: Token, approved: Mapping[uuid.UUID, bool]) -> list[FieldError]:
    """Return why a token needs an approval that it does not have. One for a short list covers no open list."""
    reasons = approval_reasons(
        policy, token.expires_at, token.allowed_networks, report_only=token.report_only, since=token.created_at
    )
    if token.pk not in approved:
        return reasons
    return [reason for reason in reasons if reason.field == "allowed_networks" and not approved[token.pk]]
