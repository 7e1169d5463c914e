"""Who may open which address outside the management API, for the authorisation matrix.

An address that is in none of these fails the matrix.
"""

# Below an account: for everybody who belongs to it.
FOR_EVERYONE = frozenset(
    {"account", "destinations", "api", "connect", "connect_recipe", "postman_collection", "ask", "offered_token",
     "search"}
)  # fmt: skip
# The fields to post to each administrators' URL; without a form, nothing.
FORMS: dict[str, dict[str, str]] = {
    "tokens": {},
    "ended_tokens": {},
    "search_tokens": {"q": "Power"},
    "create_token": {"name": "Mine", "expires": "30d", "network": ""},
    "token": {"name": "Mine", "network": "", "press": "save-anyway"},
    "credentials": {},
    "download_credentials": {},
    "try_token": {},
    "rotate_token": {"overlap": "none", "after": "first"},
    "end_overlap": {},
    "pause_token": {"until": ""},
    "resume_token": {},
    "hand_over_token": {"time": "24h"},
    "take_back_hand_over": {},
    "revoke_token": {"reason": "leaked"},
    "logs": {},
    "more_requests": {},
    "newest_requests": {},
    "export_requests": {},
    "audit_trail": {},
    "export_audit_trail": {},
    "usage": {},
    "logged_request": {},
    "decline_request": {},
    "review_request": {},
    "notices": {"revoked": "nobody"},
    "policies": {"retrieval": "off"},
    "incident": {"press": "freeze", "reason": "Mine"},
    "token_selection": {},
    "calls": {},
    "export_calls": {},
    "change_selection": {"number": "1"},
    "access_reviews": {"press": "schedule", "every": "yearly"},
    "access_review": {"press": "keep_all"},
    "sign_off_access_review": {"name": "Eve"},
    "export_access_review": {},
    "webhooks": {},
    "add_webhook": {"name": "Mine", "url": "https://evil.example/", "events": "token.created"},
    "webhook": {},
    "edit_webhook": {"name": "Mine", "url": "https://evil.example/", "events": "token.created"},
    "rotate_webhook": {},
    "remove_webhook": {},
    "test_webhook": {},
    "pause_webhook": {},
    "resume_webhook": {},
    "webhook_delivery": {},
    "resend_webhook_delivery": {},
    "people": {},
    "invite_person": {"email": "eve@evil.example", "role": "administrator"},
    "invite_again": {},
    "change_role": {"role": "administrator"},
    "remove_person": {},
    "management_tokens": {},
    "create_management_token": {"name": "Mine", "expires": "30d", "scopes": "people"},
    "revoke_management_token": {},
    "self_rotation": {"allow": "yes"},
    "second_factor_policy": {"required": "yes"},
    "single_sign_on_policy": {"required": "off"},
}
# Elsewhere: for people who are signed in, in any way that the address allows to sessions from the operator's product.
SIGNED_IN = frozenset(
    {"home", "security", "end_other_sessions", "end_session", "documentation", "documentation_start",
     "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
     "mfa_add_webauthn", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_reauthenticate",
     "account_change_password"}
)  # fmt: skip
# For the person whose passkey the address names.
FOR_ITS_OWNER = frozenset({"mfa_remove_webauthn", "mfa_edit_webauthn"})
# Operations that no program may call, whatever its scope.
FOR_PERSONS = frozenset({"sign_off_access_review"})
FOR_OPERATORS = frozenset(
    {"operator", "operator_checks", "operator_mail", "operator_retry_mail", "operator_accounts", "operator_data"}
)  # fmt: skip
# Forms that prove by themselves who sends them, and pages that say nothing about this installation.
FOR_ANYBODY = frozenset(
    {"well_known_change_password", "security_txt", "report_leak", "leak_reported", "handed_over", "portal",
     "portal_look", "portal_logo", "provider_sign_in", "provider_callback", "mfa_index", "mfa_list_webauthn",
     "mfa_authenticate", "mfa_login_webauthn", "account_reset_password", "account_login", "account_logout",
     "account_inactive", "account_reset_password_done", "account_reset_password_from_key",
     "account_reset_password_from_key_done", "openapi", "docs", "sign-in/"}
)  # fmt: skip
# These must not exist: the library's pages that we do not offer, OAuth's (off unless set), and unknown addresses.
FOR_NOBODY = frozenset(
    {"account_signup", "account_email", "account_email_verification_sent", "account_set_password",
     "account_confirm_login_code", "account_confirm_email", "introspect", "revoke", "nowhere", "sign-in/signup/",
     "sign-in/email/", "sign-in/^confirm-email/", "sign-in/login/code/confirm/", "sign-in/password/set/"}
)  # fmt: skip
# Pages that are not there, even for those who may open them: no provider is set, nobody has an app or recovery codes, a
# page's script would add something, and a token that is handed over is there for its recipient only.
MAY_BE_MISSING = frozenset(
    {"single_sign_on_policy", "documentation", "documentation_start",  # the site is built for a release
     "mfa_deactivate_totp", "mfa_view_recovery_codes", "more_requests", "newest_requests",
     "offered_token"}
)  # fmt: skip
# What an address needs beside its ids.
QUERIES = dict.fromkeys(
    ("export_requests", "export_audit_trail", "export_calls", "export_access_review"), "?format=csv"
)
