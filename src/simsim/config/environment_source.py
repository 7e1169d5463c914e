"""Gives pydantic the settings, wherever they come from; an empty setting is usually a mistake."""

from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from simsim.config.setting_sources import PREFIX, read_sources
from simsim.problem import Unusable

LISTS = (
    "trusted_proxies",
    "access_logs",
    "log_path_patterns",
    "metrics_from",
    "webhook_allow_networks",
    "oidc_scopes",
    "oidc_domains",
    "oidc_groups",
    "portal_return_origins",
)
# These settings may be empty, which turns them off. Any other empty setting is a mistake: a variable left blank in a
# container's configuration would put the tokens into a new SQLite file, under a new key.
MAY_BE_EMPTY = frozenset(
    {
        *LISTS,
        "log_database_url",
        "forward_url",
        "forward_secret",
        "forward_ca",
        "webhook_ca",
        "api_url",
        "breached_passwords_url",
        "security_contact",
        "oidc_issuer",
        "oidc_client_id",
        "oidc_client_secret",
        "oidc_name",
        "oidc_ca",
        "leak_report_keys",
        "portal_name",
        "portal_colour",
        "portal_logo",
        "gate_listen",
        "metrics_token",
        "tls_certificate",
        "tls_key",
        "vault_namespace",
        "vault_ca",
    }
)


class Sources(PydanticBaseSettingsSource):
    """Gives pydantic the settings from the environment, the files and `simsim.env`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        given = self().get(field_name)
        return given, field_name, False

    def __call__(self) -> dict[str, Any]:
        given = read_sources(self.settings_cls.model_fields)
        for name, setting in given.items():
            if not setting.value and name not in MAY_BE_EMPTY:
                raise Unusable("%(name)s is empty: give it a value, or remove it", name=PREFIX + name.upper())
        return {name: setting.value for name, setting in given.items()}
