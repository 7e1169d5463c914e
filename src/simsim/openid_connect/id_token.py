"""Checks of an ID token: OpenID Connect Core 1.0, section 3.1.3.7, and section 2 for `auth_time`."""

import hmac
from dataclasses import dataclass
from typing import Any

import jwt

from simsim.openid_connect.discovery import Metadata, fetch, signing_key
from simsim.openid_connect.provider import AnswerRefused, Provider

# Only signatures by keys that the provider alone has: neither "none", nor our own secret as a key (RFC 8725, 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SKEW_SECONDS = 30
MAX_GROUPS = 1000
MAX_SUBJECT_LENGTH = 191  # of the column; the specification allows 255


@dataclass(frozen=True)
class Answer:
    """What the provider says about a person.

    `is_email_verified` is None if it does not say. `authenticated_at` is when the person proved who they are there, in
    seconds since 1970, None if it does not say. `groups` is None if it could not list them.
    """

    subject: str
    email: str
    is_email_verified: bool | None
    groups: frozenset[str] | None
    authenticated_at: float | None


def read_answer(
    provider: Provider, metadata: Metadata, *, id_token: str, access_token: str, nonce: str, now: float
) -> Answer:
    """Return what the answer says; raise AnswerRefused if it does not count, or ProviderUnavailable."""
    claims = verify(provider, metadata, id_token, nonce=nonce, now=now)
    wanted = {"email", provider.groups_claim} - {""}
    if metadata.userinfo_endpoint and access_token and not wanted <= claims.keys():
        claims = supplemented(claims, fetch(provider, metadata.userinfo_endpoint, bearer=access_token))
    subject, moment = claims["sub"], claims.get("auth_time")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise AnswerRefused("subject")
    return Answer(
        subject=subject,
        email=str(claims.get("email") or ""),
        # Some providers send the text "true".
        is_email_verified=claims["email_verified"] in (True, "true") if "email_verified" in claims else None,
        groups=groups_in(claims, provider.groups_claim) if provider.groups_claim else frozenset(),
        authenticated_at=float(moment) if isinstance(moment, int | float) and not isinstance(moment, bool) else None,
    )


def verify(provider: Provider, metadata: Metadata, token: str, *, nonce: str, now: float) -> dict[str, Any]:
    """Return the claims of an ID token; raise AnswerRefused, with what is wrong."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise AnswerRefused("malformed") from error
    algorithm = head.get("alg")
    if algorithm not in ALGORITHMS:
        raise AnswerRefused("algorithm")
    key = signing_key(provider, metadata, head.get("kid"), algorithm)
    if key is None:
        raise AnswerRefused("signature")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=SKEW_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise AnswerRefused(reason_of(error)) from error
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", provider.client_id) != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise AnswerRefused("audience")
    if not hmac.compare_digest(str(claims.get("nonce") or "").encode(), nonce.encode()):
        raise AnswerRefused("nonce")
    if float(claims.get("auth_time") or 0) > now + SKEW_SECONDS:
        raise AnswerRefused("auth_time")
    return claims


def reason_of(error: jwt.PyJWTError) -> str:
    known: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "expired",
        jwt.InvalidAudienceError: "audience",
        jwt.InvalidIssuerError: "issuer",
        jwt.InvalidSignatureError: "signature",
    }
    return known.get(type(error), "claims")


def supplemented(claims: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return the claims with those that only the userinfo endpoint gives (Core 1.0, section 5.3.2)."""
    if found.get("sub") != claims["sub"]:
        raise AnswerRefused("subject")
    if "email" not in claims:
        # The address and whether it is verified must come from one place.
        claims = {name: value for name, value in claims.items() if name != "email_verified"}
        return {**found, **claims}
    return {**{name: value for name, value in found.items() if name != "email_verified"}, **claims}


def groups_in(claims: dict[str, Any], claim: str) -> frozenset[str] | None:
    """Return the groups; a missing claim means none, and None that the provider left them out because of their number.

    Microsoft Entra ID then names the claim in `_claim_names`.
    """
    elsewhere = claims.get("_claim_names")
    if claim not in claims:
        return None if (isinstance(elsewhere, dict) and claim in elsewhere) or claims.get("hasgroups") else frozenset()
    listed = claims[claim] if isinstance(claims[claim], list) else [claims[claim]]
    return None if len(listed) > MAX_GROUPS else frozenset(str(group) for group in listed)
