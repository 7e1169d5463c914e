"""Findings about the OpenID Connect provider: whether it answers, and whether its settings name accounts that exist."""

from collections.abc import Iterator

from django.conf import settings

from simsim.accounts.models import Account, SingleSignOn
from simsim.accounts.provider_rules import ProviderRules
from simsim.health.doctor.findings import Finding
from simsim.openid_connect.discovery import read_keys, read_metadata
from simsim.openid_connect.provider import Provider, ProviderUnavailable

SUBJECT = "single sign-on"


def sign_in_provider() -> Iterator[Finding]:
    """Report whether people can sign in at the provider; nothing, if there is none and no account needs one."""
    provider: Provider | None = settings.PROVIDER
    requiring = Account.objects.filter(closed_at=None).exclude(single_sign_on=SingleSignOn.OFF).count()
    if provider is None:
        if requiring:
            says = f"{requiring} accounts require it, and SIMSIM_OIDC_ISSUER is not set: nobody can open them"
            yield Finding(SUBJECT, False, says)
        return
    try:
        keys = read_keys(provider, read_metadata(provider))
    except ProviderUnavailable as error:
        yield Finding(SUBJECT, False, f"{provider.issuer} can't be used ({error}): check SIMSIM_OIDC_ISSUER")
        return
    unknown = unknown_accounts(settings.PROVIDER_RULES)
    if unknown:
        yield Finding(SUBJECT, False, f"SIMSIM_OIDC_DOMAINS or SIMSIM_OIDC_GROUPS name no open account: {unknown}")
        return
    says = f"{provider.issuer} answers, with {len(keys)} keys; {requiring} accounts require it"
    yield Finding(SUBJECT, bool(keys), says)


def unknown_accounts(rules: ProviderRules) -> str:
    """Return the ids in the settings that are no open account's, in one line."""
    named = rules.accounts_by_group | {place.account_id for place in rules.domains.values() if place}
    known = set(Account.objects.filter(pk__in=named, closed_at=None).values_list("pk", flat=True))
    return ", ".join(sorted(str(each) for each in named - known))
