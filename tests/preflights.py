"""A browser's preflight, and requests that only look like one: the gate has to decide those."""

ORIGIN = ("Origin", "https://page.example")
ASKS = ("Access-Control-Request-Method", "GET")
PREFLIGHT = ("OPTIONS", [ORIGIN, ASKS, ("Access-Control-Request-Headers", "authorization")])
NO_PREFLIGHTS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "GET": ("GET", [ORIGIN, ASKS]),
    "POST": ("POST", [ORIGIN, ASKS]),
    "another spelling of OPTIONS": ("OPTIONSX", [ORIGIN, ASKS]),
    "a method in a header": ("GET", [ORIGIN, ASKS, ("X-HTTP-Method-Override", "OPTIONS")]),
    "no origin": ("OPTIONS", [ASKS]),
    "an empty origin": ("OPTIONS", [("Origin", ""), ASKS]),
    "no method asked about": ("OPTIONS", [ORIGIN]),
    "an empty method asked about": ("OPTIONS", [ORIGIN, ("Access-Control-Request-Method", "")]),
    "credentials": ("OPTIONS", [ORIGIN, ASKS, ("Authorization", "401")]),
    "a body": ("OPTIONS", [ORIGIN, ASKS, ("Content-Length", "4")]),
    "an empty body": ("OPTIONS", [ORIGIN, ASKS, ("Content-Length", "0")]),
    "a chunked body": ("OPTIONS", [ORIGIN, ASKS, ("Transfer-Encoding", "chunked")]),
    "an upgrade": ("OPTIONS", [ORIGIN, ASKS, ("Upgrade", "websocket"), ("Connection", "Upgrade")]),
    "an upgrade to h2c": ("OPTIONS", [ORIGIN, ASKS, ("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings")]),
}
