"""The operator's settings, read once and checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from simsim.config import addresses, mail_settings, secret_files
from simsim.config.database_addresses import is_postgresql, prove_database_url, sqlite_path
from simsim.config.setting_sources import PREFIX, data_dir, read_sources
from simsim.credential import allowlist
from simsim.forwarding.receiver import Target, read_target
from simsim.gateway.addresses import HostPort, parse_listen
from simsim.gateway.certificates import CertificateFiles, certificate_files
from simsim.problem import Unusable
from simsim.request_log.ship.endpoints import Pattern, parse_pattern
from simsim.request_log.ship.proxy_formats import AccessLog, parse_access_log

LISTS = ("trusted_proxies", "access_logs", "log_path_patterns")
# These settings may be empty, which turns them off. Any other empty setting is a mistake: a variable left blank in a
# container's configuration would put the tokens into a new SQLite file, under a new key.
MAY_BE_EMPTY = frozenset(
    {
        *LISTS,
        "log_database_url",
        "forward_url",
        "forward_secret",
        "forward_ca",
        "api_url",
        "gate_listen",
        "tls_certificate",
        "tls_key",
    }
)
MAX_RETENTION_DAYS = 36_500
# A list of proxies that covers large parts of an address family would let callers choose their own address (T2).
WIDEST_TRUSTED_PREFIX = {4: 8, 6: 16}
# These replace pydantic's own messages, which operators would not understand.
WORDS = {
    "log_retention_days": f"must be a number of days from 1 to {MAX_RETENTION_DAYS}",
    "forward_what": "must be log, audit or both",
}


class Sources(PydanticBaseSettingsSource):
    """Gives pydantic the settings from the environment, the files and `simsim.env`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        given = self().get(field_name)
        return given, field_name, False

    def __call__(self) -> dict[str, Any]:
        given = read_sources(self.settings_cls.model_fields)
        for name, setting in given.items():
            if not setting.value and name not in MAY_BE_EMPTY:
                raise Unusable("%(name)s is empty: give it a value, or leave it out", name=PREFIX + name.upper())
        return {name: setting.value for name, setting in given.items()}


class Environment(BaseSettings):
    """The operator's settings. `docs/operators/settings.md` explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True, frozen=True)

    data_dir: Path = Field(default_factory=data_dir)
    database_url: str = Field(default="", repr=False)
    log_database_url: str = Field(default="", repr=False)
    base_url: str = "http://localhost:8000"
    secret_key: SecretStr = Field(default=SecretStr(""), repr=False)
    token_keys: SecretStr = Field(default=SecretStr(""), repr=False)
    email_url: SecretStr = Field(default=SecretStr("smtp://localhost:25"), repr=False)
    email_from: str = "Simsim <simsim@localhost>"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    gate_listen: str = ""
    tls_certificate: str = ""
    tls_key: str = Field(default="", repr=False)  # a mistaken operator may give the key itself
    access_logs: Annotated[tuple[str, ...], NoDecode] = ()
    log_retention_days: int = Field(default=365, ge=1, le=MAX_RETENTION_DAYS)
    log_path_patterns: Annotated[tuple[str, ...], NoDecode] = ()
    # A webhook's URL may contain the secret that allows writing to it.
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
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, Sources(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def bring_into_one_form(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in LISTS:
            if isinstance(listed := values.get(name), str):
                values[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        if "base_url" in values:
            values["base_url"] = addresses.normal_base_url(values["base_url"])
        if "email_from" in values:
            values["email_from"] = mail_settings.normal_sender(values["email_from"])
        return values

    @model_validator(mode="after")
    def prove_usable(self) -> Self:
        self.prove_databases()
        if text := self.secret_key.get_secret_value():
            secret_files.prove_secret_key(text)
        if "token_keys" in self.model_fields_set:
            secret_files.decode_keys(self.token_keys.get_secret_value())
        self.mail_server()
        self.trusted_networks()
        self.parse_gate_listen(self.gate_listen)
        self.tls_files()
        self.parsed_access_logs()
        self.path_patterns()
        self.forward_target()
        if self.api_url:
            addresses.prove_api_url(self.api_url)
        addresses.prove_path("SIMSIM_API_EXAMPLE", self.api_example)
        return self

    def prove_databases(self) -> None:
        """Raise Unusable for an invalid database URL, and for a database that is named twice."""
        for name, url in (("DATABASE_URL", self.database_url), ("LOG_DATABASE_URL", self.log_database_url)):
            if url:
                prove_database_url(PREFIX + name, url)
        is_same_file = self.is_embedded and not is_postgresql(self.log_database_url)
        if (is_same_file and self.log_database_path == self.database_path) or (
            self.log_database_url and self.log_database_url == self.database_url
        ):
            raise Unusable("SIMSIM_LOG_DATABASE_URL names the same database as SIMSIM_DATABASE_URL: leave it out")

    @property
    def is_embedded(self) -> bool:
        """Whether the tokens are in SQLite: only then may missing secrets be created in the data directory."""
        return not is_postgresql(self.database_url)

    @property
    def database_path(self) -> Path:
        return sqlite_path(self.database_url) or self.data_dir.absolute() / "simsim.sqlite3"

    @property
    def log_database_path(self) -> Path:
        return sqlite_path(self.log_database_url) or self.data_dir.absolute() / "request_log.sqlite3"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """The SQLite files of tokens and log; PostgreSQL has none."""
        main = (self.database_path,) if self.is_embedded else ()
        has_log_file = not is_postgresql(self.log_database_url) and (self.is_embedded or self.log_database_url != "")
        return main + ((self.log_database_path,) if has_log_file else ())

    @property
    def spool_dir(self) -> Path:
        return self.data_dir.absolute() / "spool"

    @property
    def keys_dir(self) -> Path:
        return self.data_dir.absolute() / "keys"

    @property
    def gate_socket(self) -> Path:
        return self.data_dir.absolute() / "run" / "gate.sock"

    def mail_server(self) -> mail_settings.MailServer:
        """Return the mail server; raise Unusable for a bad SIMSIM_EMAIL_URL."""
        return mail_settings.read_mail_server(self.email_url.get_secret_value())

    def trusted_networks(self) -> bytes:
        """Return SIMSIM_TRUSTED_PROXIES as packed ranges (see `credential.allowlist`); raise Unusable."""
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

    def parse_gate_listen(self, text: str, *, name: str = f"{PREFIX}GATE_LISTEN") -> HostPort | None:
        """Return the TCP address on which the gate listens, or None; raise Unusable for a bad value."""
        if not text:
            return None
        address = parse_listen(text, name=name)
        if not self.trusted_proxies:
            raise Unusable(
                "%(name)s: the gate answers only the proxies in SIMSIM_TRUSTED_PROXIES, which is empty",
                name=name,
            )
        return address

    def tls_files(self) -> CertificateFiles | None:
        """Return the files of the servers' certificate, or None; raise Unusable if one of the two is missing."""
        names = (f"{PREFIX}TLS_CERTIFICATE", f"{PREFIX}TLS_KEY")
        return certificate_files(self.tls_certificate, self.tls_key, names=names)

    def parsed_access_logs(self) -> list[AccessLog]:
        """Return the logs in SIMSIM_ACCESS_LOGS; raise Unusable for an unknown proxy or an invalid path."""
        return [parse_access_log(text) for text in self.access_logs]

    def path_patterns(self) -> list[Pattern]:
        """Return SIMSIM_LOG_PATH_PATTERNS, parsed; raise Unusable for a bad pattern."""
        patterns = {text: parse_pattern(text) for text in self.log_path_patterns}
        for text, pattern in patterns.items():
            if pattern is None:
                raise Unusable(
                    "SIMSIM_LOG_PATH_PATTERNS: %(text)s is not a path with a part to mask, such as /holdings/{id}",
                    text=text,
                )
        return [pattern for pattern in patterns.values() if pattern]

    def forward_target(self) -> Target | None:
        """Return the receiver of forwarded events, or None; raise Unusable for a bad value."""
        url = self.forward_url.get_secret_value()
        for name in ("forward_secret", "forward_ca"):
            if not url and self.is_given(name):
                raise Unusable("%(name)s is set, and SIMSIM_FORWARD_URL is not", name=PREFIX + name.upper())
        return read_target(url, self.forward_secret.get_secret_value(), self.forward_ca) if url else None

    def is_given(self, name: str) -> bool:
        value = getattr(self, name)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)

    def key_ring(self) -> list[bytes]:
        """Return the keys that encrypt passwords, the newest first, each 32 bytes; an empty list without keys."""
        text = self.token_keys.get_secret_value() or self.kept_secret("token_keys")
        return secret_files.decode_keys(text) if text else []

    def django_secret(self) -> str:
        """Return the key that signs sessions, or "" if there is none."""
        return self.secret_key.get_secret_value() or self.kept_secret("secret_key")

    def prove_secrets(self) -> None:
        """Raise Unusable if one of the two secrets is missing."""
        for name, is_there in (("token_keys", bool(self.key_ring())), ("secret_key", bool(self.django_secret()))):
            if not is_there:
                raise Unusable(
                    "%(name)s is not set, and there is no file %(path)s (simsim doctor explains)",
                    name=PREFIX + name.upper(), path=str(self.keys_dir / name),
                )  # fmt: skip

    def origin_of_keys(self) -> str:
        """Return the source of the keys that encrypt passwords, in words for people."""
        given = read_sources(type(self).model_fields).get("token_keys")
        return given.origin if given else str(self.keys_dir / "token_keys")

    def kept_secret(self, name: str) -> str:
        """Return a secret from the data directory, "" if it is not there."""
        return secret_files.kept_secret(PREFIX + name.upper(), self.keys_dir / name)

    def make_missing_secrets(self) -> list[Path]:
        """Make the missing secrets in the data directory, and return their files.

        Only `migrate` may call this, for an empty database: a new key could not decrypt data encrypted with a lost one.
        """
        if not self.is_embedded:
            return []
        missing = [
            name for name in ("token_keys", "secret_key") if not self.is_given(name) and not self.kept_secret(name)
        ]
        for name in missing:
            secret_files.make_secret(self.keys_dir / name)
        return [self.keys_dir / name for name in missing]


def read() -> Environment:
    """Return the operator's settings; raise Unusable, in one line that names the setting, for a bad one."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"])
        raise Unusable(
            "%(name)s %(reason)s", name=PREFIX + name.upper(), reason=WORDS.get(name, "can’t be used")
        ) from None
