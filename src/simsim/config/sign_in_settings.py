"""The settings about how people get into the console from elsewhere: a provider, or the operator's own product."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from simsim.accounts.portal_look import PortalLook
from simsim.accounts.provider_rules import ProviderRules
from simsim.config.portal_settings import read_portal
from simsim.config.provider_settings import prove_without_provider, read_provider, read_provider_rules
from simsim.config.setting_sources import PREFIX
from simsim.openid_connect.provider import Provider


class SignInSettings(BaseSettings):
    """`docs/operators/single-sign-on.md` and `docs/operators/portal.md` explain them."""

    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), repr=False)
    oidc_name: str = ""
    oidc_scopes: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_domains: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_trust_email: bool = False
    oidc_groups_claim: str = "groups"
    oidc_groups: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_ca: str = ""
    portal_name: str = ""
    portal_colour: str = ""
    portal_logo: str = ""
    portal_return_origins: Annotated[tuple[str, ...], NoDecode] = ()
    portal_minutes: int = Field(default=30, ge=5, le=120)

    def provider(self) -> Provider | None:
        """Return the OpenID Connect provider, or None; raise Unusable for a bad value."""
        if not self.oidc_issuer:
            names = ("client_id", "client_secret", "name", "scopes", "domains", "groups", "ca")
            prove_without_provider({f"{PREFIX}OIDC_{name.upper()}": self.is_given(f"oidc_{name}") for name in names})
            return None
        return read_provider(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=self.oidc_client_secret.get_secret_value(),
            name=self.oidc_name,
            scopes=self.oidc_scopes,
            groups_claim=self.oidc_groups_claim if self.oidc_groups else "",
            authorities=self.oidc_ca,
        )

    def provider_rules(self) -> ProviderRules:
        """Return whom the provider may sign in; raise Unusable for a bad value."""
        return read_provider_rules(self.oidc_domains, self.oidc_groups, trusts_email=self.oidc_trust_email)

    def portal(self) -> PortalLook:
        """Return how sessions from the operator's product look; raise Unusable for a bad value."""
        return read_portal(
            name=self.portal_name,
            colour=self.portal_colour,
            logo=self.portal_logo,
            origins=self.portal_return_origins,
            minutes=self.portal_minutes,
        )

    def is_given(self, name: str) -> bool:
        value = getattr(self, name)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)
