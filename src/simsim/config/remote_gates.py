"""The settings with which a middleware asks a gate on another host, where there is no database."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simsim.config import gate_settings
from simsim.config.addresses import prove_characters, split_url
from simsim.config.gate_settings import text
from simsim.config.setting_sources import PREFIX, read_sources
from simsim.credential import management_password
from simsim.operations.log_format import speaker
from simsim.problem import Unusable

URL, TOKEN, CA = (f"{PREFIX}GATE_{name}" for name in ("URL", "TOKEN", "CA"))
OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class RemoteGateSettings:
    """Where the gate is asked, with which credential, and what the node keeps.

    `trusted_networks` are packed ranges, see `credential.allowlist`.
    """

    url: str
    token: str = field(repr=False)
    tls: ssl.SSLContext
    spool_dir: Path
    trusted_networks: bytes
    say: Callable[[str], None]


def read() -> RemoteGateSettings | None:
    """Return the settings, or None if the gate is asked in this process; raise Unusable for a bad one."""
    given = read_sources()
    url, token, authorities = (text(given, name) for name in ("gate_url", "gate_token", "gate_ca"))
    if not url:
        for name, value in ((TOKEN, token), (CA, authorities)):
            if value:
                raise Unusable("%(name)s is set, and %(url)s is not", name=name, url=URL)
        return None
    settings = gate_settings.read()
    prove_url(url)
    if not management_password.is_well_formed(token):
        raise Unusable("%(name)s must be the password of a management token of the scope gate: simm_…", name=TOKEN)
    return RemoteGateSettings(
        url.rstrip("/"), token, context_of(authorities), settings.spool_dir, settings.trusted_networks,
        speaker("simsim gate", settings.log_format),
    )  # fmt: skip


def prove_url(url: str) -> None:
    """Raise Unusable for a URL with more than a host and a port, and for one that would show credentials on a wire."""
    prove_characters(URL, url)
    parts = split_url(URL, url, {"http", "https"})
    if "@" in parts.netloc or "?" in url or "#" in url or parts.path not in {"", "/"}:
        raise Unusable("%(name)s must be a host and a port, such as https://gate.example.com:8443", name=URL)
    if parts.scheme == "http" and parts.hostname not in OWN_HOSTS:
        raise Unusable("%(name)s must start with https://, because passwords travel over it", name=URL)


def context_of(authorities: str) -> ssl.SSLContext:
    """Return a context that verifies the gate's certificate and name; raise Unusable for an unusable file."""
    try:
        return ssl.create_default_context(cafile=authorities or None)
    except OSError:  # also ssl.SSLError
        raise Unusable("%(name)s: %(path)s has no readable CA certificates", name=CA, path=authorities) from None
