"""The provider, from the operator's settings."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class ProviderUnavailable(Exception):
    """The provider can't be reached, or its answer can't be used; the text is for the operator."""


class AnswerRefused(Exception):
    """The provider's answer about a person does not count; `reason` is a word for the audit trail."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Provider:
    """Where people sign in, and how it knows us. `name` stands on the button.

    `authorities` is a file of certificates for verifying the provider's, or None to use the system's. `groups_claim` is
    "" if no roles come from groups.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = ""
    authorities: Path | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.issuer).hostname or ""

    @property
    def is_plain_http(self) -> bool:
        return self.issuer.startswith("http://")
