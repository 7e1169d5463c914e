"""Django's settings, derived from the operator's."""

from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from simsim.config import environment
from simsim.config.database_addresses import django_database, is_postgresql
from simsim.request_log.ship.endpoints import Paths
from simsim.tokens.keyring import Keyring
from simsim.traces import settings as trace_settings

OPERATOR = environment.read()
BASE = urlsplit(OPERATOR.base_url)
PACKAGE = Path(__file__).resolve().parent.parent

# Each of these secrets may be missing: `doctor` reports that, `migrate` creates it, and other commands stop before this
# line.
SECRET_KEY = OPERATOR.django_secret()
KEYRING = Keyring(OPERATOR.key_ring())
JOURNAL = OPERATOR.journal_path
DEBUG = False
ALLOWED_HOSTS = [BASE.hostname or "localhost"] + (["localhost", "127.0.0.1", "[::1]"] if BASE.scheme == "http" else [])
CSRF_TRUSTED_ORIGINS = [f"{BASE.scheme}://{BASE.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simsim.console",  # before allauth, whose pages it replaces
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "simsim.console_sessions",
    "simsim.audit",
    "simsim.mail",
    "simsim.request_log",
    "simsim.accounts",
    "simsim.webhooks",
    "simsim.tokens",
    "simsim.management_tokens",
    "simsim.access_reviews",
    "simsim.leak_reports",
    "simsim.api",
]
MIDDLEWARE = [
    "simsim.console.middleware.never_stored",
    "simsim.console.middleware.audited_origin",
    "django.middleware.security.SecurityMiddleware",
    "simsim.console.middleware.strict_transport_security",
    "simsim.console.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "simsim.console.security.session_use.session_use",
    "simsim.console.portal.limits.portal_limits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simsim.console.middleware.problems",
]
if trace_settings.is_on():
    MIDDLEWARE.insert(0, "simsim.console.traced.traced")
ROOT_URLCONF = "simsim.config.urls"
ASGI_APPLICATION = "simsim.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "simsim.console.context_processors.navigation",
            ]
        },
    }
]


def sqlite(path: Path, synchronous: str) -> dict[str, Any]:
    """Return an SQLite database: WAL mode lets readers go on without waiting, and IMMEDIATE makes writers queue up.

    `mode=rw` never creates a file: otherwise an empty database would replace one that was moved away. Deleted data is
    overwritten: otherwise secrets would stay in the file's free pages.
    """
    pragmas = (
        f"PRAGMA journal_mode=WAL;PRAGMA synchronous={synchronous};PRAGMA foreign_keys=ON;PRAGMA secure_delete=ON;"
    )
    options = {"transaction_mode": "IMMEDIATE", "timeout": 10, "init_command": pragmas}
    test = {"NAME": str(path.with_suffix(".test.sqlite3"))}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{path.as_uri()}?mode=rw",
        "OPTIONS": options,
        "TEST": test,
    }


# The request log has its own SQLite file, so that its writes never make the console or the gate wait. On PostgreSQL, it
# shares the database and therefore the alias: with two aliases of one database, each would record the other's
# migrations.
if OPERATOR.is_embedded:
    DATABASES = {"default": sqlite(OPERATOR.database_path, "FULL")}
else:
    DATABASES = {"default": django_database("SIMSIM_DATABASE_URL", OPERATOR.database_url)}
REQUEST_LOG_ALIAS = "default"
if is_postgresql(OPERATOR.log_table_url):
    REQUEST_LOG_ALIAS = "request_log"
    DATABASES[REQUEST_LOG_ALIAS] = django_database("SIMSIM_LOG_DATABASE_URL", OPERATOR.log_table_url)
elif OPERATOR.is_embedded or OPERATOR.log_table_url:
    REQUEST_LOG_ALIAS = "request_log"
    DATABASES[REQUEST_LOG_ALIAS] = sqlite(OPERATOR.log_database_path, "NORMAL")
LOG_CLICKHOUSE = OPERATOR.log_clickhouse()
REQUEST_LOG_PATHS = Paths(OPERATOR.path_patterns())
FORWARD_TARGET = OPERATOR.forward_target()
WEBHOOK_RULES = OPERATOR.webhook_rules()
PROVIDER = OPERATOR.provider()
PROVIDER_RULES = OPERATOR.provider_rules()
LEAK_REPORT_KEYS = OPERATOR.leak_report_keys
PORTAL = OPERATOR.portal()
FORWARD_LOG = FORWARD_TARGET is not None and OPERATOR.forward_what in {"log", "both"}
FORWARD_AUDIT = FORWARD_TARGET is not None and OPERATOR.forward_what in {"audit", "both"}
DATABASE_ROUTERS = ["simsim.config.databases.RequestLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "simsim.accounts.password_rules.KnownWordsDontCount", "OPTIONS": {"min_length": 12}},
    {"NAME": "simsim.accounts.password_rules.NotGuessable"},
    {"NAME": "simsim.accounts.password_rules.NotBreached", "OPTIONS": {"url": OPERATOR.breached_passwords_url}},
]
ACCOUNT_ADAPTER = "simsim.console.sign_in_adapter.SignInAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # otherwise anyone could make us send email to strangers
ACCOUNT_SESSION_REMEMBER = False
# Not by email: five requests from anywhere would keep the person from their own. `reset_requests` limits the emails.
ACCOUNT_RATE_LIMITS = {"reset_password": "20/m/ip"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGOUT_ON_GET = False
SOCIALACCOUNT_ADAPTER = "simsim.console.single_sign_on.exchange.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
MFA_ADAPTER = "simsim.console.security.second_factor_adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_TOTP_ISSUER = "Simsim"
MFA_TOTP_TOLERANCE = 1  # a clock that is off by half a minute, and a person who types slowly
# Browsers offer passkeys over plain HTTP on localhost only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = BASE.scheme == "http"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

SECURE = BASE.scheme == "https"
SESSION_COOKIE_NAME = "__Host-simsim" if SECURE else "simsim"
CSRF_COOKIE_NAME = "__Host-simsim-csrf" if SECURE else "simsim-csrf"
MESSAGE_STORAGE = "simsim.console.messages.Messages"  # its cookie has such a name too
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "simsim.console_sessions.store"
SESSION_COOKIE_AGE = OPERATOR.session_hours * 3600
STRICT_TRANSPORT_SECONDS = 31_536_000 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "simsim.console.errors.csrf_failure"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [PACKAGE / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = OPERATOR.data_dir.absolute() / "static"
DOCUMENTATION_ROOT = PACKAGE / "console" / "site"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "simsim.console.static_storage.HashedAssets"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "simsim.console.static_storage.PackageFinder",
]

MAIL = OPERATOR.mail_server()
EMAIL_BACKEND = "simsim.mail.django_backend.OwedBackend"
EMAIL_HOST = MAIL.host
EMAIL_PORT = MAIL.port
EMAIL_HOST_USER = MAIL.user
EMAIL_HOST_PASSWORD = MAIL.password
EMAIL_USE_SSL = MAIL.is_tls
EMAIL_USE_TLS = MAIL.is_starttls
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = OPERATOR.email_from
SERVER_EMAIL = parseaddr(OPERATOR.email_from)[1]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_passwords": {"()": "simsim.operations.log_format.MaskPasswords"}},
    "formatters": {"line": {"()": "simsim.operations.log_format.formatter", "log_format": OPERATOR.log_format}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_passwords"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
