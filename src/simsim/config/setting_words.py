"""What to say about a setting’s value that can’t be used: pydantic’s own messages are for programmers."""

MAX_RETENTION_DAYS = 36_500
MAX_FAILURES = 1_000_000
SWITCHES = ("webhook_allow_http", "oidc_trust_email", "announce_expiry", "accept_bearer", "oauth_endpoints")
WORDS = {
    **dict.fromkeys(
        ("log_retention_days", "mail_retention_days", "audit_retention_days", "webhook_retention_days"),
        f"must be a number of days from 1 to {MAX_RETENTION_DAYS}",
    ),
    **dict.fromkeys(
        ("failures_per_address", "failures_per_username"),
        f"must be a number of failed requests a minute from 1 to {MAX_FAILURES}, or 0 for no limit",
    ),
    **dict.fromkeys(SWITCHES, "must be true or false"),
    "key_wrapper": "must be vault or aws-kms",
    "log_address_days": f"must be a number of days from 1 to {MAX_RETENTION_DAYS}, or 0 to keep whole addresses",
    "log_format": "must be text, json or logfmt",
    "forward_what": "must be log, audit or both",
    "portal_minutes": "must be a number of minutes from 5 to 120",
    "session_idle_minutes": "must be a number of minutes from 5 to 1440",
    "session_hours": "must be a number of hours from 1 to 168",
}
