"""The operator's OpenID Connect provider, and whom it may sign in, from the settings."""

import re
import uuid
from collections.abc import Iterable, Mapping

from simsim.accounts.provider_rules import Place, ProviderRules
from simsim.config.addresses import ascii_host, split_url
from simsim.delivery.authorities import prove_authorities
from simsim.openid_connect.provider import Provider
from simsim.problem import Unusable

ISSUER, NAME, SCOPES = "SIMSIM_OIDC_ISSUER", "SIMSIM_OIDC_NAME", "SIMSIM_OIDC_SCOPES"
DOMAINS, GROUPS = "SIMSIM_OIDC_DOMAINS", "SIMSIM_OIDC_GROUPS"
ROLES = ("administrator", "member")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
MAX_ISSUER_LENGTH = 200  # of the column
MAX_NAME_LENGTH = 40
_is_scope = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+").fullmatch  # RFC 6749, section 3.3
_is_domain = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}").fullmatch


def read_provider(
    *, issuer: str, client_id: str, client_secret: str, name: str, scopes: Iterable[str], groups_claim: str,
    authorities: str,
) -> Provider:  # fmt: skip
    """Return the provider; raise Unusable, in one line that names the setting, for a bad value."""
    parts = split_url(ISSUER, issuer, {"http", "https"})
    if "?" in issuer or "#" in issuer or "@" in parts.netloc or len(issuer) > MAX_ISSUER_LENGTH:
        raise Unusable("%(name)s must have no user, “?” or “#”, and at most 200 characters", name=ISSUER)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Unusable("%(name)s: http:// is allowed only for this machine, use https://", name=ISSUER)
    for setting, value in (("SIMSIM_OIDC_CLIENT_ID", client_id), ("SIMSIM_OIDC_CLIENT_SECRET", client_secret)):
        if not value:
            raise Unusable("%(issuer)s is set, and %(name)s is not", issuer=ISSUER, name=setting)
    shown = name or (parts.hostname or "")[:MAX_NAME_LENGTH]
    if not shown.isprintable() or len(shown) > MAX_NAME_LENGTH:
        raise Unusable("%(name)s must have at most %(most)s characters", name=NAME, most=str(MAX_NAME_LENGTH))
    wanted = tuple(scopes) or ("openid", "profile", "email")
    if "openid" not in wanted or not all(map(_is_scope, wanted)):
        raise Unusable("%(name)s must contain openid, and no spaces within a scope", name=SCOPES)
    return Provider(
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        name=shown,
        scopes=wanted,
        groups_claim=groups_claim,
        authorities=prove_authorities("SIMSIM_OIDC_CA", authorities),
    )


def read_provider_rules(domains: Iterable[str], groups: Iterable[str], *, trusts_email: bool) -> ProviderRules:
    """Return whom the provider may sign in; raise Unusable for a bad domain, account or role."""
    found: dict[str, Place | None] = {}
    for text in domains:
        domain, has_place, place = text.partition("=")
        domain = ascii_host(domain.strip())
        if not _is_domain(domain):
            raise Unusable("%(name)s: “%(text)s” does not begin with a domain", name=DOMAINS, text=text)
        found[domain] = read_place(DOMAINS, text, place) if has_place else None
    places: dict[str, tuple[Place, ...]] = {}
    for text in groups:
        group, has_place, place = text.rpartition("=")
        if not has_place or not group.strip():
            raise Unusable("%(name)s: write GROUP=ACCOUNT:ROLE, not “%(text)s”", name=GROUPS, text=text)
        places[group.strip()] = (*places.get(group.strip(), ()), read_place(GROUPS, text, place))
    return ProviderRules(found, trusts_email, places)


def read_place(name: str, text: str, place: str) -> Place:
    account, _, role = place.strip().rpartition(":")
    try:
        account_id = uuid.UUID(account.strip())
    except ValueError:
        raise Unusable(
            "%(name)s: “%(text)s” must end with ACCOUNT:ROLE, with an account’s id", name=name, text=text
        ) from None
    if role.strip() not in ROLES:
        raise Unusable("%(name)s: in “%(text)s”, the role is neither administrator nor member", name=name, text=text)
    return Place(account_id, role.strip())


def prove_without_provider(given: Mapping[str, bool]) -> None:
    """Raise Unusable for a setting about the provider if there is none."""
    for name, is_given in given.items():
        if is_given:
            raise Unusable("%(name)s is set, and %(issuer)s is not", name=name, issuer=ISSUER)
