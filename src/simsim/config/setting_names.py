"""The names of all settings, in lower case and without `SIMSIM_`. A test compares them with `environment`."""

NAMES = (
    "accept_bearer", "access_logs", "announce_expiry", "api_example", "api_url", "audit_retention_days", "base_url",
    "breached_passwords_url", "data_dir", "database_url", "email_from", "email_url", "failures_per_address",
    "failures_per_username", "forward_ca", "forward_secret", "forward_url", "forward_what", "gate_listen",
    "journal", "key_wrapper", "key_wrapper_context", "key_wrapper_key", "leak_report_keys", "log_address_days",
    "log_database_url", "log_format", "log_path_patterns", "log_retention_days", "mail_retention_days",
    "metrics_from", "metrics_token", "oauth_endpoints", "oidc_ca", "oidc_client_id", "oidc_client_secret",
    "oidc_domains", "oidc_groups", "oidc_groups_claim", "oidc_issuer", "oidc_name", "oidc_scopes",
    "oidc_trust_email", "portal_colour", "portal_logo", "portal_minutes", "portal_name", "portal_return_origins",
    "secret_key", "security_contact", "session_hours", "session_idle_minutes", "tls_certificate", "tls_key",
    "token_keys", "trusted_proxies", "vault_ca", "vault_mount", "vault_namespace", "vault_token", "vault_url",
    "webhook_allow_http", "webhook_allow_networks", "webhook_ca", "webhook_retention_days",
)  # fmt: skip
# Comma-separated.
LISTS = (
    "trusted_proxies", "access_logs", "log_path_patterns", "metrics_from", "webhook_allow_networks", "oidc_scopes",
    "oidc_domains", "oidc_groups", "portal_return_origins",
)  # fmt: skip
# These settings may be empty, which turns them off. Any other empty setting is a mistake: a variable left blank in a
# container's configuration would put the tokens into a new SQLite file, under a new key.
MAY_BE_EMPTY = (
    *LISTS,
    "api_url", "breached_passwords_url", "forward_ca", "forward_secret", "forward_url", "gate_listen",
    "leak_report_keys", "log_database_url", "metrics_token", "oidc_ca", "oidc_client_id", "oidc_client_secret",
    "oidc_issuer", "oidc_name", "portal_colour", "portal_logo", "portal_name", "security_contact",
    "tls_certificate", "tls_key", "vault_ca", "vault_namespace", "webhook_ca",
)  # fmt: skip
