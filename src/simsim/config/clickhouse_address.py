"""The URL of a ClickHouse server. The gate does not need it, and must not import what this imports."""

from importlib.util import find_spec
from urllib.parse import parse_qs, unquote, urlsplit

from simsim.problem import Unusable
from simsim.request_log.clickhouse.server import ClickHouse

CLICKHOUSE = "clickhouse://"


def is_clickhouse(url: str) -> bool:
    return url.startswith(CLICKHOUSE)


def read_clickhouse(name: str, url: str) -> ClickHouse:
    """Return the server in `clickhouse://USER:PASSWORD@HOST:PORT/DATABASE`; raise Unusable, without a secret.

    It is asked over HTTPS, or with `?secure=false` over HTTP.
    """
    try:
        parts = urlsplit(url)
        parameters = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Unusable(
            "%(name)s can't be read: percent-encode “/”, “@” and spaces in the password", name=name
        ) from None
    secure = parameters.pop("secure", ["true"])
    if parameters or secure not in (["true"], ["false"]) or parts.fragment:
        raise Unusable("%(name)s: the only parameter of a ClickHouse URL is secure=true or secure=false", name=name)
    database = unquote(parts.path.removeprefix("/"))
    if not host or not database or "/" in database:
        raise Unusable("%(name)s: write clickhouse://USER:PASSWORD@HOST:8443/DATABASE", name=name)
    if find_spec("clickhouse_connect") is None:
        raise Unusable("%(name)s needs a package: pip install 'simsim[server,clickhouse]'", name=name)
    is_secure = secure == ["true"]
    return ClickHouse(
        host, port or (8443 if is_secure else 8123), unquote(parts.username or "default"),
        unquote(parts.password or ""), database, is_secure,
    )  # fmt: skip
