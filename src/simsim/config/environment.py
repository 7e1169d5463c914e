"""The operator's settings, read once and checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from simsim.config import addresses, mail_settings
from simsim.config.database_settings import DatabaseSettings
from simsim.config.environment_source import Sources
from simsim.config.leak_settings import prove_leak_report_keys
from simsim.config.setting_names import LISTS
from simsim.config.setting_sources import PREFIX, listed
from simsim.config.setting_words import MAX_FAILURES, MAX_RETENTION_DAYS, WORDS
from simsim.config.sign_in_settings import SignInSettings
from simsim.config.webhook_settings import read_webhook_rules
from simsim.forwarding.receiver import Target, read_target
from simsim.gate.refusals import FAILURES_PER_ADDRESS, FAILURES_PER_USERNAME
from simsim.gateway.addresses import HostPort, parse_listen
from simsim.gateway.certificates import CertificateFiles, certificate_files
from simsim.health.access import MetricsAccess
from simsim.operations.log_format import LogFormat
from simsim.problem import Unusable
from simsim.request_log.ship.endpoints import Pattern, parse_pattern
from simsim.request_log.ship.proxy_formats import AccessLog, parse_access_log
from simsim.traces import settings as trace_settings
from simsim.webhooks.destination import DestinationRules


class Environment(DatabaseSettings, SignInSettings):
    """The operator's settings. `docs/operators/settings.md` explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True, frozen=True)

    journal: str = ""
    base_url: str = "http://localhost:8000"
    email_url: SecretStr = Field(default=SecretStr("smtp://localhost:25"), repr=False)
    email_from: str = "Simsim <simsim@localhost>"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    gate_listen: str = ""
    gate_tls: bool = False
    # Those with which a middleware asks a gate elsewhere; `remote_gates` proves them.
    gate_url: str = ""
    gate_token: SecretStr = Field(default=SecretStr(""), repr=False)
    gate_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = Field(default="", repr=False)  # a mistaken operator may give the key itself
    failures_per_address: int = Field(default=FAILURES_PER_ADDRESS, ge=0, le=MAX_FAILURES)
    failures_per_username: int = Field(default=FAILURES_PER_USERNAME, ge=0, le=MAX_FAILURES)
    access_logs: Annotated[tuple[str, ...], NoDecode] = ()
    log_address_days: int = Field(default=0, ge=0, le=MAX_RETENTION_DAYS)
    log_retention_days: int = Field(default=365, ge=1, le=MAX_RETENTION_DAYS)
    mail_retention_days: int = Field(default=365, ge=1, le=MAX_RETENTION_DAYS)
    audit_retention_days: int = Field(default=3650, ge=1, le=MAX_RETENTION_DAYS)
    log_path_patterns: Annotated[tuple[str, ...], NoDecode] = ()
    # A webhook's URL may contain the secret that allows writing to it.
    forward_url: SecretStr = Field(default=SecretStr(""), repr=False)
    forward_secret: SecretStr = Field(default=SecretStr(""), repr=False)
    forward_what: Literal["log", "audit", "both"] = "both"
    forward_ca: str = ""
    webhook_allow_networks: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_allow_http: bool = False
    webhook_ca: str = ""
    webhook_retention_days: int = Field(default=30, ge=1, le=MAX_RETENTION_DAYS)
    log_format: LogFormat = LogFormat.TEXT
    metrics_from: Annotated[tuple[str, ...], NoDecode] = ()
    metrics_token: SecretStr = Field(default=SecretStr(""), repr=False)
    api_url: str = ""
    api_example: str = "/"
    breached_passwords_url: str = ""
    session_idle_minutes: int = Field(default=60, ge=5, le=1440)
    session_hours: int = Field(default=12, ge=1, le=168)
    security_contact: str = ""
    leak_report_keys: str = ""
    announce_expiry: bool = True
    accept_bearer: bool = False
    oauth_endpoints: bool = False

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
            if isinstance(text := values.get(name), str):
                values[name] = listed(text)
        if "base_url" in values:
            values["base_url"] = addresses.normal_base_url(values["base_url"])
        if "email_from" in values:
            values["email_from"] = mail_settings.normal_sender(values["email_from"])
        return values

    @model_validator(mode="after")
    def prove_usable(self) -> Self:
        self.prove_databases()
        self.prove_keys()
        if self.journal and (self.journal.startswith("~") or self.journal_path.is_dir()):
            raise Unusable("SIMSIM_JOURNAL must be the full path of a file")
        trace_settings.prove_usable()
        self.mail_server()
        self.trusted_networks()
        self.metrics_access()
        self.parse_gate_listen(self.gate_listen)
        self.tls_files()
        self.parsed_access_logs()
        self.path_patterns()
        self.forward_target()
        self.webhook_rules()
        self.provider()
        self.provider_rules()
        self.portal()
        if self.api_url:
            addresses.prove_api_url(self.api_url)
        addresses.prove_path("SIMSIM_API_EXAMPLE", self.api_example)
        addresses.prove_range_url(self.breached_passwords_url)
        addresses.prove_contact(self.security_contact)
        prove_leak_report_keys(self.leak_report_keys)
        if self.log_address_days and self.log_clickhouse():
            raise Unusable("SIMSIM_LOG_ADDRESS_DAYS must be 0: rows in ClickHouse keep their addresses")
        if self.log_address_days >= self.log_retention_days:
            raise Unusable("SIMSIM_LOG_ADDRESS_DAYS must be less than SIMSIM_LOG_RETENTION_DAYS, or 0")
        if self.audit_retention_days < self.log_retention_days:
            # Events wait for the receiver for as long as the log is kept.
            raise Unusable("SIMSIM_AUDIT_RETENTION_DAYS must be at least SIMSIM_LOG_RETENTION_DAYS")
        return self

    @property
    def spool_dir(self) -> Path:
        return self.data_dir.absolute() / "spool"

    @property
    def journal_path(self) -> Path:
        return Path(self.journal).absolute() if self.journal else self.data_dir.absolute() / "revocations.jsonl"

    @property
    def gate_socket(self) -> Path:
        return self.data_dir.absolute() / "run" / "gate.sock"

    def mail_server(self) -> mail_settings.MailServer:
        """Return the mail server; raise Unusable for a bad SIMSIM_EMAIL_URL."""
        return mail_settings.read_mail_server(self.email_url.get_secret_value())

    def trusted_networks(self) -> bytes:
        """Return SIMSIM_TRUSTED_PROXIES as packed ranges (see `credential.allowlist`); raise Unusable."""
        return addresses.trusted_networks(self.trusted_proxies)

    def metrics_access(self) -> MetricsAccess:
        """Return who may read `/metrics`; raise Unusable for a bad network or a token that is easily guessed."""
        networks = addresses.packed_networks(
            "SIMSIM_METRICS_FROM", self.metrics_from, too_wide="would show the metrics to strangers"
        )
        token = self.metrics_token.get_secret_value()
        if token and not MetricsAccess.is_usable(token):
            raise Unusable("SIMSIM_METRICS_TOKEN must have at least 24 characters: letters, digits and -._~+/=")
        return MetricsAccess(networks, token, self.trusted_networks())

    def parse_gate_listen(self, text: str, *, name: str = f"{PREFIX}GATE_LISTEN") -> HostPort | None:
        """Return the TCP address on which the gate listens, or None; raise Unusable for a bad value."""
        if not text:
            return None
        address = parse_listen(text, name=name)
        if self.gate_tls and self.tls_files() is None:
            raise Unusable("%(name)s: there is no certificate: set SIMSIM_TLS_CERTIFICATE", name=f"{PREFIX}GATE_TLS")
        if not self.trusted_proxies and not self.gate_tls:
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

    def webhook_rules(self) -> DestinationRules:
        """Return where the accounts' webhooks may go; raise Unusable for a bad value."""
        return read_webhook_rules(self.webhook_allow_networks, self.webhook_allow_http, self.webhook_ca)


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
