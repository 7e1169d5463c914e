"""Measures memory over time: how much each process of the demo uses during an hour of mixed load.

Run it separately with `python -m bench.memory [--minutes 60] [--rate 40]`. The demo runs in a temporary directory.
Requests are let in and refused in turn while a person looks through the console. Every half minute, the resident memory
of each process is read. The table compares the averages of the run's quarters: if memory no longer grows, the last
quarter is like the third.
"""

import argparse
import contextlib
import http.cookiejar
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.console import progress
from bench.servers import free_port
from simsim.demo import traffic

START_SECONDS, SAMPLE_SECONDS, PAGE_SECONDS = 120, 30.0, 2.0
QUARTERS = 4
PAGES = ("tokens/", "logs/", "usage/", "people/", "tokens/ended/")
_csrf = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"').search


@contextlib.contextmanager
def demo(directory: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run the demo during the block. Yield its process id and the contents of its demo.json."""
    variables = os.environ | {
        "DEMO_DIR": str(directory), "DEMO_PORT": str(free_port()), "DEMO_GATEWAY_PORT": str(free_port())
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "simsim.demo"], env=variables, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (directory / "demo.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the demo did not start")
            time.sleep(0.2)
        yield process.pid, json.loads((directory / "demo.json").read_text(encoding="utf-8"))
    finally:
        process.terminate()
        process.wait(timeout=60)


def descendants(root: int) -> dict[int, str]:
    """Return the descendants of a process, each with a name that says what it does."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended in the meantime
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found: dict[int, str] = {}
    generation = {root}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation}
        found |= {pid: name_of(pid) for pid in generation}
    return found


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        parent = "" if "-m" in words else " (child)"
        for part in ("config.asgi", "config.rsgi", "worker", "serve", "gateway", "nginx", "sample_api", "mail_catcher"):
            if part in words:
                return f"{part}{parent} {pid}"
    return f"other {pid}"


def resident_megabytes(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Visitor:
    """A signed-in user who looks through the console's pages."""

    def __init__(self, sample: dict[str, Any]) -> None:
        self.root = sample["console_url"]
        self.sample = sample
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(jar)
        self.pages = itertools.cycle(PAGES)

    def open(self, path: str, form: dict[str, str] | None = None) -> str:
        data = urllib.parse.urlencode(form).encode() if form else None
        address = urllib.parse.urljoin(self.root, path)
        request = urllib.request.Request(address, data, {"Referer": address, "Origin": self.root})
        with self.browser.open(request, timeout=30) as answer:
            page: str = answer.read().decode()
        return page

    def sign_in(self) -> None:
        found = _csrf(self.open("/sign-in/login/"))
        assert found, "the sign-in page has a form"
        who = self.sample["administrator"]
        page = self.open("/sign-in/login/", {
            "csrfmiddlewaretoken": found[1], "login": who["email"], "password": who["password"]
        })  # fmt: skip
        assert _csrf(page), "signed in"
        self.home = f"/accounts/{self.sample['account_id']}/" if "/accounts/" in page else "/"

    def look(self) -> None:
        self.open(self.home + next(self.pages))


def run(minutes: float, rate: float) -> dict[str, list[float]]:
    """Return the megabytes that each process used at each reading."""
    held: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="simsim-memory-") as scratch, demo(Path(scratch) / "demo") as (pid, sample):
        port = urllib.parse.urlsplit(sample["gateway_url"]).port or 80
        ready = traffic.ready_call(sample)
        wrong = traffic.Call("GET", traffic.ENTITIES, traffic.basic(sample["account_id"], "wrong"))
        calls = itertools.cycle([ready] * 8 + [traffic.Call("GET", "/status/404", ready.headers), wrong])
        visitor = Visitor(sample)
        visitor.sign_in()
        began = time.monotonic()
        page_at = sample_at = began
        for n in itertools.count():
            now = time.monotonic()
            if now - began > minutes * 60:
                return held
            traffic.status(port, next(calls))
            if now >= page_at:
                visitor.look()
                page_at = now + PAGE_SECONDS
            if now >= sample_at:
                for child, name in descendants(pid).items():
                    held[name].append(resident_megabytes(child))
                sample_at = now + SAMPLE_SECONDS
            time.sleep(max(0.0, began + n / rate - time.monotonic()))
    raise AssertionError


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--rate", type=float, default=40, help="requests a second")
    chosen = arguments.parse_args()
    for name, readings in sorted(run(chosen.minutes, chosen.rate).items()):
        size = max(1, len(readings) // QUARTERS)
        means = [fmean(readings[n * size : (n + 1) * size] or [0.0]) for n in range(QUARTERS)]
        progress(f"{name:32} MB " + "  ".join(f"{mean:6.1f}" for mean in means) + f"   last {readings[-1]:.1f}")


if __name__ == "__main__":
    main()
