"""The collection for Postman, in its format v2.1.0: people import it, fill in the password, and press Send."""

from typing import Any
from urllib.parse import unquote, urlsplit

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(username: str, base: str, example: str) -> dict[str, Any]:
    """Return the collection as a JSON object. The password's variable is empty, as people share collections."""
    return {
        "info": {"name": f"API of {urlsplit(base).netloc}", "schema": SCHEMA},
        "auth": {
            "type": "basic",
            "basic": [
                {"key": "username", "value": "{{username}}", "type": "string"},
                {"key": "password", "value": "{{password}}", "type": "string"},
            ],
        },
        "item": [{"name": f"GET {unquote(example)}", "request": request(example), "response": []}],
        "variable": [
            {"key": "base_url", "value": base, "type": "string"},
            {"key": "username", "value": username, "type": "string"},
            # This type makes Postman mask the value on the screen.
            {"key": "password", "value": "", "type": "secret"},
        ],
    }


def request(example: str) -> dict[str, Any]:
    path, _, query = example.partition("?")
    url: dict[str, Any] = {
        "raw": "{{base_url}}" + example,
        "host": ["{{base_url}}"],
        "path": path.removeprefix("/").split("/"),
    }
    if query:
        pairs = (pair.partition("=") for pair in query.split("&"))
        url["query"] = [{"key": key, "value": value} for key, _, value in pairs]
    return {"method": "GET", "header": [{"key": "Accept", "value": "application/json"}], "url": url}
