"""The settings that an operator gives, read once from the environment and proven usable."""

import base64
import binascii
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from simsim.credential import allowlist
from simsim.forwarding.target import Target, read_target
from simsim.gateway.addresses import Place, parse_listen
from simsim.problem import Unusable
from simsim.request_log.access_logs import AccessLog, parse_access_log
from simsim.request_log.endpoints import Pattern, parse_pattern

PREFIX = "SIMSIM_"
DEFAULT_DATA_DIR = "simsim-data"
KEY_BYTES = 32
# A proxy list that takes in half of an address family or more would let any caller write its own address (T2).
WIDEST_TRUSTED_PREFIX = {4: 8, 6: 16}
_is_of_url_characters = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*").fullmatch  # RFC 3986, section 2


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `SIMSIM_X` from the file that `SIMSIM_X_FILE` names, as container platforms hand secrets over."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(
                "%(name)s: %(reason)s", name=f"{PREFIX}{field_name.upper()}_FILE", reason=str(error)
            ) from error

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Environment(BaseSettings):
    """What the operator decided. `docs/operators/settings.md` explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True, frozen=True)

    data_dir: Path = Path(DEFAULT_DATA_DIR)
    database_url: str = ""
    log_database_url: str = ""
    base_url: str = "http://localhost:8000"
    secret_key: SecretStr = Field(default=SecretStr(""), repr=False)
    token_keys: SecretStr = Field(default=SecretStr(""), repr=False)
    email_url: SecretStr = Field(default=SecretStr("smtp://localhost:25"), repr=False)
    email_from: str = "Simsim <simsim@localhost>"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    gate_listen: str = ""
    access_logs: Annotated[tuple[str, ...], NoDecode] = ()
    log_retention_days: int = Field(default=400, ge=1)
    log_path_patterns: Annotated[tuple[str, ...], NoDecode] = ()
    # A webhook's address may hold what lets anybody write there.
    forward_url: SecretStr = Field(default=SecretStr(""), repr=False)
    forward_secret: SecretStr = Field(default=SecretStr(""), repr=False)
    forward_what: Literal["log", "audit", "both"] = "both"
    forward_ca: str = ""
    api_url: str = ""
    api_example: str = "/"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What every command on one data directory shares may rest in it, so that a link in a mail is the same whoever
        # owes the mail: the console's process or the operator's shell.
        kept = DotEnvSettingsSource(settings_cls, env_file=data_dir() / "simsim.env", env_file_encoding="utf-8")
        return init_settings, env_settings, SecretFiles(settings_cls), kept

    @model_validator(mode="before")
    @classmethod
    def split_lists(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("trusted_proxies", "access_logs", "log_path_patterns"):
            if isinstance(listed := values.get(name), str):
                values[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def prove_usable(self) -> Self:
        prove_url("SIMSIM_BASE_URL", self.base_url, {"http", "https"})
        for name, url in (("DATABASE_URL", self.database_url), ("LOG_DATABASE_URL", self.log_database_url)):
            if url:
                prove_url(PREFIX + name, url, {"postgresql", "postgres", "sqlite"})
        prove_url("SIMSIM_EMAIL_URL", self.email_url.get_secret_value(), {"smtp", "smtps"})
        self.trusted_networks()
        self.gate_place(self.gate_listen)
        self.followed_logs()
        self.path_patterns()
        self.forward_target()
        if self.api_url:
            prove_url("SIMSIM_API_URL", self.api_url, {"http", "https"})
            prove_shown_to_callers("SIMSIM_API_URL", self.api_url)
        prove_path("SIMSIM_API_EXAMPLE", self.api_example)
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether everything rests in the data directory, so that missing secrets may be made there."""
        return not self.database_url or self.database_url.startswith("sqlite:")

    @property
    def database_path(self) -> Path:
        return sqlite_path(self.database_url) or self.data_dir.absolute() / "simsim.sqlite3"

    @property
    def log_database_path(self) -> Path:
        return sqlite_path(self.log_database_url) or self.data_dir.absolute() / "request_log.sqlite3"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir.absolute() / "spool"

    @property
    def gate_socket(self) -> Path:
        return self.data_dir.absolute() / "run" / "gate.sock"

    def trusted_networks(self) -> bytes:
        """Return SIMSIM_TRUSTED_PROXIES as packed ranges (see `credential.allowlist`); raise Unusable for a bad one."""
        networks = []
        for text in self.trusted_proxies:
            network = allowlist.parse_network(text)
            if isinstance(network, allowlist.Fault):
                raise Unusable("SIMSIM_TRUSTED_PROXIES: %(fault)s", fault=str(network))
            if network.prefixlen < WIDEST_TRUSTED_PREFIX[network.version]:
                raise Unusable(
                    "SIMSIM_TRUSTED_PROXIES: %(network)s would let callers choose their own address", network=text
                )
            networks.append(network)
        return allowlist.pack(networks)

    def gate_place(self, text: str, *, name: str = f"{PREFIX}GATE_LISTEN") -> Place | None:
        """Return where the gate listens beside its socket, None for nowhere; raise Unusable for a bad one."""
        if not text:
            return None
        if not self.trusted_proxies:
            raise Unusable(
                "%(name)s: the gate answers only the proxies that SIMSIM_TRUSTED_PROXIES names, and it names none",
                name=name,
            )
        return parse_listen(text, name=name)

    def followed_logs(self) -> list[AccessLog]:
        """Return what SIMSIM_ACCESS_LOGS names; raise Unusable for a kind or a path that is none."""
        return [parse_access_log(text) for text in self.access_logs]

    def path_patterns(self) -> list[Pattern]:
        """Return SIMSIM_LOG_PATH_PATTERNS, parsed; raise Unusable for a bad one."""
        patterns = {text: parse_pattern(text) for text in self.log_path_patterns}
        for text, pattern in patterns.items():
            if pattern is None:
                raise Unusable(
                    "SIMSIM_LOG_PATH_PATTERNS: %(text)s is no path with a part to mask, such as /holdings/{id}",
                    text=text,
                )
        return [pattern for pattern in patterns.values() if pattern]

    def forward_target(self) -> Target | None:
        """Return the receiver of what is forwarded, None when there is none; raise Unusable for a bad one."""
        url = self.forward_url.get_secret_value()
        return read_target(url, self.forward_secret.get_secret_value(), self.forward_ca) if url else None

    def key_ring(self) -> list[bytes]:
        """Return the keys that encrypt passwords, newest first, each 32 bytes; raise Unusable when there is none."""
        text = self.token_keys.get_secret_value() or self.kept_secret("token_keys")
        keys = [decode_key(part) for part in text.replace(",", " ").split()]
        if not keys:
            raise Unusable("SIMSIM_TOKEN_KEYS is not set: give 32 random bytes in base64url (simsim doctor explains)")
        return keys

    def django_secret(self) -> str:
        """Return the key that signs sessions; raise Unusable when there is none."""
        secret = self.secret_key.get_secret_value() or self.kept_secret("secret_key")
        if len(secret) < KEY_BYTES:
            raise Unusable("SIMSIM_SECRET_KEY is missing or shorter than 32 characters")
        return secret

    def kept_secret(self, name: str) -> str:
        """Return a secret from the data directory, made there when everything else is new; "" when there is none.

        It is made only while no database exists: a key made later could not open what the lost one closed.
        """
        path = self.data_dir.absolute() / "keys" / name
        if path.exists():
            return path.read_text(encoding="utf-8").strip()
        if not self.is_embedded or self.database_path.exists():
            return ""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process started at the same moment and was first
            return path.read_text(encoding="utf-8").strip()
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(made)
        return made


def data_dir() -> Path:
    """Return the data directory before the settings are read."""
    return Path(os.environ.get(f"{PREFIX}DATA_DIR") or DEFAULT_DATA_DIR)


def read() -> Environment:
    """Return the operator's settings; raise Unusable, in one line that names the setting, when one can't be used."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise Unusable("%(name)s: %(reason)s", name=name, reason=first["msg"]) from None


def prove_url(name: str, url: str, schemes: set[str]) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:  # "[" without an address of IPv6
        raise Unusable("%(name)s: %(reason)s", name=name, reason=str(error)) from error
    if parts.scheme not in schemes or not (parts.netloc or parts.scheme == "sqlite"):
        raise Unusable(
            "%(name)s must be a URL that starts with %(schemes)s",
            name=name,
            schemes=" or ".join(sorted(f"{s}://" for s in schemes)),
        )


def prove_shown_to_callers(name: str, url: str) -> None:
    """Raise Unusable for an address that can't stand before a path, or that would show a password to every caller."""
    prove_characters(name, url)
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or "?" in url or "#" in url:
        raise Unusable("%(name)s must be a URL with a host, and without a user, “?” and “#”", name=name)


def prove_path(name: str, path: str) -> None:
    prove_characters(name, path)
    if not path.startswith("/") or "#" in path:
        raise Unusable("%(name)s must be a path that starts with “/”", name=name)


def prove_characters(name: str, text: str) -> None:
    if not _is_of_url_characters(text):
        raise Unusable("%(name)s holds a character that a URL can’t hold: write it percent-encoded", name=name)


def sqlite_path(url: str) -> Path | None:
    """Return the path in `sqlite:///relative` or `sqlite:////absolute`, None for any other URL."""
    return Path(url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:///") else None


def decode_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Unusable("SIMSIM_TOKEN_KEYS: each key is 32 bytes in base64url, separated by commas")
    return key
