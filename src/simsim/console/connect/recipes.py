"""Recipes: the texts to paste into each program, for one username, one address and, if allowed, one password."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from simsim.console.connect.literals import m_quote, python_quote, shell_quote
from simsim.console.connect.postman import collection

PLACEHOLDER_URL = "https://your-api.example"
VARIABLE = "SIMSIM_PASSWORD"
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
# The password is typed at a prompt, so that no command history contains it.
ENVIRONMENT_COMMANDS = {
    "bash, zsh": f"read -rs {VARIABLE} && export {VARIABLE}",
    "PowerShell": f'$env:{VARIABLE} = Read-Host "Password"',
}
CURL, ANYTHING = "curl", "anything"
# Target software whose recipe has the same slug, and target software whose recipe has another slug.
SOFTWARE_WITH_OWN_RECIPE = {"postman", "excel", "power-bi"}
RECIPES_OF_SOFTWARE = {"python": "requests"}
# Without --globoff, curl interprets these characters in a URL as a range or a list.
GLOB_CHARACTERS = "[]{}"


@dataclass(frozen=True)
class Api:
    """The address of the API: `url` is "" if the operator configured none; `example` is a path that answers GET."""

    url: str = ""
    example: str = "/"

    @property
    def is_placeholder(self) -> bool:
        return not self.url

    @property
    def base(self) -> str:
        """The URL to which paths are appended; a placeholder if the operator configured none."""
        return (self.url or PLACEHOLDER_URL).rstrip("/")

    @property
    def address(self) -> str:
        """The whole URL of the example."""
        return self.base + self.example

    @property
    def is_unencrypted(self) -> bool:
        """Whether the password would be sent in clear text."""
        parts = urlsplit(self.base)
        return parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS


@dataclass(frozen=True)
class Snippet:
    """One text to copy. `secret` is the part to hide from onlookers, "" if no part is secret."""

    text: str = field(repr=False)
    title: str | Promise = ""
    secret: str = field(default="", repr=False)

    @property
    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The parts of the text, in order, each with whether it is secret."""
        for number, open_part in enumerate(self.text.split(self.secret) if self.secret else [self.text]):
            if number:
                yield self.secret, True
            yield open_part, False


@dataclass(frozen=True)
class Recipe:
    """One program that calls the API. `slug` is part of the page's URL, `icon` is a Lucide name.

    `in_a_window`: the program asks for the username and password in a dialog.
    """

    slug: str
    name: str | Promise
    icon: str
    snippets: tuple[Snippet, ...]
    in_a_window: bool = False

    @property
    def template(self) -> str:
        """The template with the steps around the snippets."""
        return f"console/connect/steps/{self.slug}.html"


def recipes(*, username: str, api: Api, password: str | None = None) -> list[Recipe]:
    """Return every recipe, curl first. Without a password, each asks for it or reads it from the environment.

    The recipes for Excel, Power BI and Postman never contain the password, because people share these files. They type
    the password into a dialog instead.
    """
    query = (Snippet(power_query(api)),)
    return [
        Recipe(CURL, "curl", "terminal", curl(username, api, password)),
        Recipe("requests", "Python: requests", "code-xml", (requests(username, api, password),)),
        Recipe("httpx", "Python: httpx", "code-xml", (httpx(username, api, password),)),
        Recipe("postman", "Postman", "send", (Snippet(json_of(collection(username, api.base, api.example))),)),
        Recipe("excel", "Excel", "sheet", query, in_a_window=True),
        Recipe("power-bi", "Power BI", "chart-column", query, in_a_window=True),
        Recipe(ANYTHING, _("Anything else"), "braces", anything(username, api, password)),
    ]


def recipe_for(software: str | None) -> str:
    """Return the slug of the recipe for a target software; the recipe for any program if it has none of its own."""
    if software is None:
        return CURL
    return software if software in SOFTWARE_WITH_OWN_RECIPE else RECIPES_OF_SOFTWARE.get(software, ANYTHING)


def curl(username: str, api: Api, password: str | None) -> tuple[Snippet, ...]:
    globoff = "--globoff " if any(character in api.address for character in GLOB_CHARACTERS) else ""
    address = shell_quote(api.address)
    if password is not None:
        user = shell_quote(f"{username}:{password}")
        return (Snippet(f"curl {globoff}--user {user} {address}", secret=password),)
    user = shell_quote(f"{username}:")
    return (
        Snippet(
            f"curl {globoff}--user {shell_quote(username)} {address}", _("Interactive: curl asks for the password")
        ),
        Snippet(
            f'curl {globoff}--user {user}"${VARIABLE}" {address}',
            _("In a script: the password comes from the environment"),
        ),
    )


def requests(username: str, api: Api, password: str | None) -> Snippet:
    return python("requests", "requests", username, api, password)


def httpx(username: str, api: Api, password: str | None) -> Snippet:
    return python("httpx", "httpx", username, api, password)


def python(module: str, caller: str, username: str, api: Api, password: str | None) -> Snippet:
    """Return a script for requests or httpx, which use the same names."""
    secret = f'os.environ["{VARIABLE}"]' if password is None else python_quote(password)
    lines = [
        *(["import os", ""] if password is None else []),
        f"import {module}",
        "",
        f"username = {python_quote(username)}",
        f"password = {secret}",
        f"answer = {caller}.get({python_quote(api.address)}, auth=(username, password), timeout=30)",
        "answer.raise_for_status()",
        "print(answer.json())",
    ]
    return Snippet("\n".join(lines), secret=password or "")


def power_query(api: Api) -> str:
    """Return Power Query M that turns a JSON response into a table.

    The whole URL is one literal, and RelativePath is not used: the Power BI service tests a connection by calling that
    literal, and the root of an API often answers 404. An Authorization header would require an anonymous connection.
    """
    return "\n".join(
        (
            "let",
            f"    Answer = Json.Document(Web.Contents({m_quote(api.address)})),",
            "    Rows = if Answer is list then Answer else {Answer},",
            "    Columns = List.Union(List.Transform(Rows, Record.FieldNames)),",
            "    Result = Table.FromRecords(Rows, Columns, MissingField.UseNull)",
            "in",
            "    Result",
        )
    )


def anything(username: str, api: Api, password: str | None) -> tuple[Snippet, ...]:
    """Return the header of RFC 7617; without a password, the request and a command that computes the header."""
    if password is not None:
        encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
        return (Snippet(f"Authorization: Basic {encoded}", secret=encoded),)
    user = shell_quote(f"{username}:")
    compute = f"""printf 'Authorization: Basic %s\\n' "$(printf '%s' {user}"${VARIABLE}" | base64 | tr -d '\\n')\""""
    parts = urlsplit(api.address)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\nHost: {parts.netloc}\nAuthorization: Basic BASE64({username}:PASSWORD)"
    return (Snippet(request, _("What to send")), Snippet(compute, _("The header, computed in a shell")))


def json_of(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
