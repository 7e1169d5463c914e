"""allauth's OpenID Connect client, with our provider, our requests and our address in place of its own."""

from typing import Any
from urllib.parse import urljoin

import requests
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from simsim.openid_connect.discovery import discover
from simsim.openid_connect.provider import Provider
from simsim.openid_connect.transport import session_for
from simsim.problem import NotFound

PROVIDER_ID = "simsim"


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Every request of allauth to the provider is bounded as ours are."""

    def get_requests_session(self) -> requests.Session:
        return session_for(provider())

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        # `accounts.provider_identities` decides who is new, and creates them.
        del request, sociallogin
        return False


class Exchange(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The two steps of the protocol: the redirect to the provider, and the exchange of the code for tokens."""

    def get_provider(self) -> "SignInProvider":
        return provider_for(self.request)

    @property
    def openid_config(self) -> dict[str, Any]:
        return vars(discover(provider()))

    @property
    def basic_auth(self) -> bool:
        return "client_secret_post" not in discover(provider()).authentication_methods

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        # Not the request's Host header, from which allauth takes it.
        del request, app
        return callback_url()


class SignInProvider(OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = Exchange


def provider() -> Provider:
    """Return the operator's provider; raise NotFound if there is none."""
    found: Provider | None = settings.PROVIDER
    if found is None:
        raise NotFound
    return found


def provider_for(request: HttpRequest) -> SignInProvider:
    """Return the provider in allauth's form, with PKCE (RFC 7636)."""
    ours = provider()
    options = {"server_url": ours.issuer, "oauth_pkce_enabled": True, "scope": list(ours.scopes)}
    app = SocialApp(
        provider=OpenIDConnectProvider.id,
        provider_id=PROVIDER_ID,
        name=ours.name,
        client_id=ours.client_id,
        secret=ours.client_secret,
        settings=options,
    )
    return SignInProvider(request, app=app)


def callback_url() -> str:
    """Return the address that the operator registers at the provider."""
    return urljoin(settings.OPERATOR.base_url, reverse("console:provider_callback"))
