"""Who may read `/metrics`: callers on given networks, callers with the token, or nobody. Others find no such path."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from simsim.credential.allowlist import contains
from simsim.gate.address import locate

Headers = Sequence[tuple[bytes, bytes]]
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{24,}=*", re.ASCII)
BEARER = b"bearer "
# The headers by which a proxy gives itself away.
OF_PROXIES = frozenset(
    {b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"x-real-ip", b"via"}
)


@dataclass(frozen=True)
class MetricsAccess:
    """`networks` are packed by `allowlist.pack`, or b""; `token` may be "". With both, a caller needs both."""

    networks: bytes
    token: str
    trusted: bytes

    def __repr__(self) -> str:
        return "MetricsAccess()"

    @staticmethod
    def is_usable(token: str) -> bool:
        """Whether a token has the form of RFC 6750 and is too long to be guessed."""
        return TOKEN.fullmatch(token) is not None

    def is_given(self, peer: str | None, headers: Headers) -> bool:
        """Whether a request from this peer with these headers may read the metrics."""
        if not (self.networks or self.token):
            return False
        return (not self.networks or self._is_near(peer, headers)) and (not self.token or self._has_token(headers))

    def _is_near(self, peer: str | None, headers: Headers) -> bool:
        forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        located = locate(peer, forwarded, self.trusted)
        # A proxy that is not trusted hides who calls: its own address must not open the path to its callers.
        is_hidden = not located.is_trusted and not OF_PROXIES.isdisjoint(name for name, _ in headers)
        if located.address is None or is_hidden:
            return False
        return contains(self.networks, located.address)

    def _has_token(self, headers: Headers) -> bool:
        said = [value for name, value in headers if name == b"authorization"]
        if len(said) != 1 or said[0][: len(BEARER)].lower() != BEARER:
            return False
        return hmac.compare_digest(said[0][len(BEARER) :].strip(), self.token.encode())
