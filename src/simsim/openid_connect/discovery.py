"""What the provider publishes about itself: OpenID Connect Discovery 1.0, and its keys (RFC 7517)."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from simsim.openid_connect.provider import Provider, ProviderUnavailable
from simsim.openid_connect.transport import session_for

KEPT_SECONDS = 600.0
# A token under an unknown key makes us read the keys again, but not on every request of somebody who makes such tokens.
READ_AGAIN_SECONDS = 10.0
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Metadata:
    """The provider's endpoints, and how it expects the client's secret. `userinfo_endpoint` is "" if it has none."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    authentication_methods: tuple[str, ...]
    is_issuer_returned: bool


_lock = threading.Lock()
_metadata: dict[Provider, tuple[float, Metadata]] = {}
_keys: dict[Provider, tuple[float, list[jwt.PyJWK]]] = {}


def discover(provider: Provider) -> Metadata:
    """Return the provider's metadata, at most ten minutes old; raise ProviderUnavailable."""
    with _lock:
        kept = _metadata.get(provider)
    if kept and time.monotonic() - kept[0] < KEPT_SECONDS:
        return kept[1]
    found = read_metadata(provider)
    with _lock:
        _metadata[provider] = (time.monotonic(), found)
    return found


def read_metadata(provider: Provider) -> Metadata:
    """Fetch the metadata; raise ProviderUnavailable if it is not this issuer's, or lacks something that is needed."""
    document = fetch(provider, provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if document.get("issuer") != provider.issuer:
        named = str(document.get("issuer"))[:200]
        raise ProviderUnavailable(f"it calls itself “{named}”, which must be the value of SIMSIM_OIDC_ISSUER")
    endpoints = {name: str(document.get(name) or "") for name in (*ENDPOINTS, "userinfo_endpoint")}
    for name, url in endpoints.items():
        if not url and name not in ENDPOINTS:
            continue
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ({"https", "http"} if provider.is_plain_http else {"https"}):
            raise ProviderUnavailable(f"its {name} is not a usable address")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        **endpoints,
        # Discovery 1.0, section 3: without the list, it is client_secret_basic.
        authentication_methods=tuple(map(str, methods)) if isinstance(methods, list) else ("client_secret_basic",),
        is_issuer_returned=document.get("authorization_response_iss_parameter_supported") is True,
    )


def signing_key(provider: Provider, metadata: Metadata, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
    """Return the provider's key for a token, None if it has no such key; raise ProviderUnavailable."""
    with _lock:
        read_at, keys = _keys.get(provider, (0.0, []))
    age = time.monotonic() - read_at if keys else KEPT_SECONDS
    found = choose(keys, key_id, algorithm) if age < KEPT_SECONDS else None
    if found is None and age >= READ_AGAIN_SECONDS:
        keys = read_keys(provider, metadata)
        with _lock:
            _keys[provider] = (time.monotonic(), keys)
        found = choose(keys, key_id, algorithm)
    return found


def read_keys(provider: Provider, metadata: Metadata) -> list[jwt.PyJWK]:
    try:
        return list(jwt.PyJWKSet.from_dict(fetch(provider, metadata.jwks_uri)).keys)
    except (jwt.PyJWTError, TypeError, AttributeError) as error:
        raise ProviderUnavailable("its keys can't be read") from error


def choose(keys: list[jwt.PyJWK], key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
    """Return the key with that id; a token without an id must leave no choice."""
    fit = [key for key in keys if key.public_key_use in (None, "sig") and key.algorithm_name == algorithm]
    named = [key for key in fit if key.key_id == key_id] if key_id is not None else fit
    return named[0] if len(named) == 1 else None


def fetch(provider: Provider, url: str, *, bearer: str = "") -> dict[str, Any]:
    """Return a JSON object; raise ProviderUnavailable."""
    with session_for(provider) as session:
        head = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        answer = session.get(url, headers=head)
    place = urlsplit(url).netloc
    if answer.status_code != 200:
        raise ProviderUnavailable(f"{place} answers {answer.status_code}")
    try:
        document = json.loads(answer.content)
    except ValueError as error:
        raise ProviderUnavailable(f"{place} does not answer in JSON") from error
    if not isinstance(document, dict):
        raise ProviderUnavailable(f"{place} does not answer with a JSON object")
    return document
