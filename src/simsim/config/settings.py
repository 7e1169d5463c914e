"""Django's settings, derived from the operator's."""

from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from simsim.config import environment
from simsim.request_log.endpoints import Paths
from simsim.tokens.keyring import Keyring

OPERATOR = environment.read()
BASE = urlsplit(OPERATOR.base_url)
PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = OPERATOR.django_secret()
KEYRING = Keyring(OPERATOR.key_ring())
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
    "simsim.audit",
    "simsim.mail",
    "simsim.request_log",
    "simsim.accounts",
    "simsim.tokens",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "simsim.console.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simsim.console.middleware.problems",
]
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
                "simsim.console.context.place",
            ]
        },
    }
]


def sqlite(path: Path, synchronous: str) -> dict[str, Any]:
    """Return a SQLite database: WAL, so that readers never wait; IMMEDIATE, so that writers queue up.

    What is deleted is overwritten: a secret would stay in the file's free pages otherwise.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pragmas = (
        f"PRAGMA journal_mode=WAL;PRAGMA synchronous={synchronous};PRAGMA foreign_keys=ON;PRAGMA secure_delete=ON;"
    )
    options = {"transaction_mode": "IMMEDIATE", "timeout": 10, "init_command": pragmas}
    test = {"NAME": str(path.with_suffix(".test.sqlite3"))}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options, "TEST": test}


def postgresql(url: str) -> dict[str, Any]:
    """Return a PostgreSQL database from its URL; the query gives psycopg's options."""
    parts = urlsplit(url)
    options: dict[str, Any] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = options.pop("host", "") or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": 5, "pool": {"min_size": 1, "max_size": 8}} | options,
    }


# The request log rests in a file of its own: its writes never make the console or the gate wait. On one PostgreSQL it
# shares the database, and so the alias: two aliases of one database would each record migrations for the other.
if OPERATOR.is_embedded:
    DATABASES = {"default": sqlite(OPERATOR.database_path, "FULL")}
else:
    DATABASES = {"default": postgresql(OPERATOR.database_url)}
REQUEST_LOG_ALIAS = "default"
if OPERATOR.log_database_url.startswith("postgres"):
    REQUEST_LOG_ALIAS = "request_log"
    DATABASES[REQUEST_LOG_ALIAS] = postgresql(OPERATOR.log_database_url)
elif OPERATOR.is_embedded or OPERATOR.log_database_url:
    REQUEST_LOG_ALIAS = "request_log"
    DATABASES[REQUEST_LOG_ALIAS] = sqlite(OPERATOR.log_database_path, "NORMAL")
REQUEST_LOG_PATHS = Paths(OPERATOR.path_patterns())
FORWARD_TARGET = OPERATOR.forward_target()
FORWARD_LOG = FORWARD_TARGET is not None and OPERATOR.forward_what in {"log", "both"}
FORWARD_AUDIT = FORWARD_TARGET is not None and OPERATOR.forward_what in {"audit", "both"}
DATABASE_ROUTERS = ["simsim.config.databases.RequestLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "simsim.console.sign_in.ClosedDoor"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody makes us write to strangers
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

SECURE = BASE.scheme == "https"
SESSION_COOKIE_NAME = "__Host-simsim" if SECURE else "simsim"
CSRF_COOKIE_NAME = "__Host-simsim-csrf" if SECURE else "simsim-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
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
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "simsim.console.assets.HashedAssets"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "simsim.console.assets.InstalledPackages",
]

MAIL = urlsplit(OPERATOR.email_url.get_secret_value())
EMAIL_BACKEND = "simsim.mail.backend.OwedBackend"
EMAIL_HOST = MAIL.hostname or "localhost"
EMAIL_PORT = MAIL.port or (465 if MAIL.scheme == "smtps" else 25)
EMAIL_HOST_USER = unquote(MAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(MAIL.password or "")
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = MAIL.scheme == "smtp" and "starttls=1" in MAIL.query
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = OPERATOR.email_from
SERVER_EMAIL = parseaddr(OPERATOR.email_from)[1]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_passwords": {"()": "simsim.config.logs.MaskPasswords"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_passwords"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
