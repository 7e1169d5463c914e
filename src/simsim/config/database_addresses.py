"""Database URLs: an SQLite file, or a PostgreSQL database as libpq reads its URL."""

import difflib
import re
from pathlib import Path
from typing import Any

from simsim.problem import Unusable

POSTGRESQL = ("postgresql://", "postgres://")
SQLITE = "sqlite:///"
MAX_DATABASE_NAME_LENGTH = 63
NOWHERE = "/dev/null/nowhere"
_unknown_parameter = re.compile(r'invalid URI query parameter: "([a-z_]{2,40})"').match


def is_postgresql(url: str) -> bool:
    return url.startswith(POSTGRESQL)


def sqlite_path(url: str) -> Path | None:
    """Return the path in `sqlite:///relative` or `sqlite:////absolute`, None for any other URL."""
    return Path(url.removeprefix(SQLITE)).absolute() if url.startswith(SQLITE) else None


def prove_database_url(name: str, url: str) -> None:
    """Raise Unusable for a URL that does not name a database.

    The error is one line that names the setting and shows no secret.
    """
    if is_postgresql(url):
        prove_postgresql(name, url)
    elif url.startswith(SQLITE):
        prove_sqlite(name, url.removeprefix(SQLITE))
    else:
        raise Unusable("%(name)s must be a URL that starts with postgresql:// or sqlite:///", name=name)


def prove_sqlite(name: str, path: str) -> None:
    if not path or path.endswith("/") or path == ":memory:" or "\0" in path or Path(path).is_dir():
        raise Unusable("%(name)s must name a file: sqlite:////absolute/path or sqlite:///relative/path", name=name)
    if "?" in path or "#" in path:
        raise Unusable("%(name)s: an SQLite file has no parameters, and its path no “?” or “#”", name=name)
    if path.startswith("~"):
        raise Unusable("%(name)s: “~” has no meaning here. Write the full path", name=name)


def prove_postgresql(name: str, url: str) -> None:
    parameters = postgresql_parameters(name, url)
    database = str(parameters.get("dbname", ""))
    if not database and "service" not in parameters:
        raise Unusable("%(name)s names no database: write postgresql://HOST/DATABASE", name=name)
    if len(database.encode()) > MAX_DATABASE_NAME_LENGTH:
        raise Unusable("%(name)s: a database's name has at most 63 bytes", name=name)
    if "/" in database or "#" in url:
        raise Unusable("%(name)s: write “/” in a name as %%2F, and “#” as %%23", name=name)
    prove_values(name, parameters)


def postgresql_parameters(name: str, url: str) -> dict[str, Any]:
    """Return libpq's parameters, as its own parser reads them from the URL; raise Unusable if it can't."""
    import psycopg  # noqa: PLC0415 - a gate on SQLite does not need the driver, which takes 30 ms and 10 MB
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error as error:
        unknown = _unknown_parameter(str(error))
    # libpq's message quotes the text that it could not read, which may be half of a password, so show only a
    # parameter's name.
    if unknown and "@" not in url.partition("?")[2]:
        known = sorted(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())
        nearest = difflib.get_close_matches(unknown[1], known, n=1, cutoff=0.0)[0]
        raise Unusable(
            "%(name)s: PostgreSQL has no parameter “%(parameter)s”. Did you mean “%(nearest)s”?",
            name=name, parameter=unknown[1], nearest=nearest,
        )  # fmt: skip
    raise Unusable(
        "%(name)s can't be read: percent-encode “%%”, “/”, “@” and spaces in the user and the password", name=name
    )


def prove_values(name: str, parameters: dict[str, Any]) -> None:
    """Have libpq check the parameters' values.

    It checks them before it connects, here to an address that can't exist.
    """
    from psycopg import Error, pq  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo, timeout_from_conninfo  # noqa: PLC0415

    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    elsewhere = parameters | {"host": ",".join(NOWHERE for _ in hosts)}
    elsewhere.pop("hostaddr", None)
    attempt = pq.PGconn.connect_start(make_conninfo("", **elsewhere).encode())
    complaint = attempt.error_message.decode(errors="replace")
    attempt.finish()
    if "connection to server" not in complaint and "service" not in parameters:
        raise Unusable("%(name)s: %(reason)s", name=name, reason=" ".join(complaint.split()))
    try:
        timeout_from_conninfo(parameters)
    except Error:
        raise Unusable("%(name)s: connect_timeout must be a number of seconds", name=name) from None


def django_database(name: str, url: str) -> dict[str, Any]:
    """Return Django's settings for the database: the parameters that libpq reads from the URL, as the gate does.

    Only read-write servers are accepted, because connections are kept for an hour: a connection to a standby would
    refuse every change until it is replaced.
    """
    options = postgresql_parameters(name, url)
    named = {key: str(options.pop(parameter, "")) for key, parameter in _DJANGO_NAMES.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **named,
        # Behind a pooler in transaction mode, the next rows would be fetched in a session that doesn't have the cursor.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "target_session_attrs": "read-write",
            "pool": {"min_size": 1, "max_size": 8},
        }
        | options,
    }


_DJANGO_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
