"""What a person does to sign in at the OpenID Connect provider, without a browser."""

from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.test import Client

from identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from simsim.accounts.provider_rules import ProviderRules
from simsim.openid_connect import discovery
from simsim.openid_connect.provider import Provider

BEGIN = "/sign-in/openid-connect/"


def use(provider: IdentityProvider, rules: ProviderRules, *, groups_claim: str = "") -> None:
    """Set the provider up in this process, as the settings would; the fixture takes it back."""
    settings.PROVIDER = Provider(provider.issuer, CLIENT_ID, CLIENT_SECRET, "Acme ID", groups_claim=groups_claim)
    settings.PROVIDER_RULES = rules
    discovery._metadata.clear()
    discovery._keys.clear()


def at_provider(address: str, who: str, *, is_known: bool = False) -> str:
    """Press the person's button at the provider, and return the path to which it leads back."""
    with requests.Session() as browser:
        answer = browser.get(address, allow_redirects=False)
        if not is_known:
            assert answer.status_code == 200, answer.text
            answer = browser.post(address, {"who": who}, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def sign_in_as(who: str, client: Client, *, next_page: str = "", confirms: bool = False) -> Any:
    """Sign in, or confirm who one is; return our answer to what the provider said."""
    query = {"next": next_page} | ({"confirm": "1"} if confirms else {})
    led = client.get(BEGIN, query)
    assert led.status_code == 302, led.content
    return client.get(at_provider(led["Location"], who))
