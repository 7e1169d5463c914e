"""Runs every comparison and prints the table."""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import console, in_process, servers, shipping, tokens
from bench.load import Comparison, compare, rate, target
from simsim.credential import password

GATE, NOOP = "simsim.config.rsgi:application", "bench.noop:application"
PARTS = ["noop", "process", "size", "limits", "nginx", "shipping", "console"]
SIZES = {"small": 1_000, "usual": 100_000, "large": 1_000_000}


@dataclass(frozen=True)
class Figure:
    """One line of the table: the name of the figure, its limit, and its value."""

    what: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None
    rates: str = ""

    @property
    def is_reached(self) -> bool:
        return (self.at_least is None or self.measured >= self.at_least) and (
            self.at_most is None or self.measured <= self.at_most
        )

    @property
    def bound(self) -> str:
        parts = [f"≥ {self.at_least:g}" if self.at_least else "", f"≤ {self.at_most:g}" if self.at_most else ""]
        return " ".join(part for part in parts if part)


class Bench:
    """The temporary state of one run."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.known: dict[str, list[tokens.Credential]] = {}

    def data(self, size: str) -> Path:
        return self.scratch / size

    def prepare(self, *sizes: str) -> None:
        for size in sizes:
            began = time.monotonic()
            self.data(size).mkdir()
            self.known[size] = tokens.fill(self.data(size), SIZES[size])
            progress(f"{SIZES[size]:,} tokens created in {time.monotonic() - began:.0f} s")

    @contextlib.contextmanager
    def gate(self, size: str) -> Iterator[int]:
        port = servers.free_port()
        with servers.granian(GATE, port, self.data(size)):
            yield port

    def against_noop(self) -> Iterator[Figure]:
        """Yield the comparisons of the gate with a server that decides nothing, and of refusals with acceptances."""
        noop, known = servers.free_port(), self.known["usual"]
        wrong = [(account, password.mint()) for account, _ in known]
        with self.gate("usual") as port, servers.granian(NOOP, noop, self.data("usual")):
            url = f"http://127.0.0.1:{port}/gate/verify"
            accepted = target("gate", url, known, self.scratch)
            refused = target("gate-401", url, wrong, self.scratch, refused=True)
            nothing = target("no-op", f"http://127.0.0.1:{noop}/gate/verify", known, self.scratch)
            yield figure(
                "gate : no-op, same server, 100,000 tokens", compare(accepted, nothing, progress), at_least=0.8
            )
            yield figure("401 : 204", compare(refused, accepted, progress), at_least=0.9, at_most=1.1)

    def by_size(self) -> Iterator[Figure]:
        """Yield the time of a request with a million tokens compared with a thousand tokens."""
        with self.gate("small") as few, self.gate("large") as many:
            small = target("1,000", f"http://127.0.0.1:{few}/gate/verify", self.known["small"], self.scratch)
            large = target("1,000,000", f"http://127.0.0.1:{many}/gate/verify", self.known["large"], self.scratch)
            yield figure("time, 1,000,000 : 1,000 tokens", compare(small, large, progress), at_most=1.2)

    def with_limits(self) -> Iterator[Figure]:
        """Yield the rate of a gate with limits, a rate and quotas on every token compared with one without any."""
        limited = self.scratch / "limited"
        shutil.copytree(self.data("usual"), limited)
        tokens.limit_every_token(limited)
        port, known = servers.free_port(), self.known["usual"]
        with self.gate("usual") as free, servers.granian(GATE, port, limited):
            ours = target("limited", f"http://127.0.0.1:{port}/gate/verify", known, self.scratch, named=True)
            theirs = target("unlimited", f"http://127.0.0.1:{free}/gate/verify", known, self.scratch, named=True)
            yield figure(
                "gate, 20 limits, rate and quotas on every token : none", compare(ours, theirs, progress), at_least=0.9
            )

    def in_process(self) -> Iterator[Figure]:
        spool = self.scratch / "in-process-spool"
        spool.mkdir()
        every, first = in_process.median_micros(self.data("usual"), spool, self.known["usual"])
        yield Figure("in process, median, µs", every, at_most=15)
        yield Figure("in process, a token's first request since a commit, median, µs", first)

    def behind_nginx(self) -> Iterator[Figure]:
        """Yield the comparisons of nginx with our gate and nginx with a no-op, nginx with its own bcrypt, and Caddy."""
        known, data = self.known["usual"], self.data("usual")
        api, ours, noop, basic, caddy = (servers.free_port() for _ in range(5))
        gate_socket, noop_socket = self.scratch / "gate.sock", self.scratch / "noop.sock"
        with contextlib.ExitStack() as stack:
            for server in (
                servers.upstream(self.scratch, api),
                servers.granian(GATE, gate_socket, data),
                servers.granian(NOOP, noop_socket, data),
                servers.gateway(self.scratch, ours, api, gate_socket),
                servers.gateway(self.scratch, noop, api, noop_socket),
                servers.auth_basic(self.scratch, basic, api, known[0]),
                servers.caddy(self.scratch, caddy, api, known[0]),
            ):
                stack.enter_context(server)
            with_gate = target("nginx+gate", f"http://127.0.0.1:{ours}/", known, self.scratch)
            with_noop = target("nginx+no-op", f"http://127.0.0.1:{noop}/", known, self.scratch)
            bcrypt = target("nginx auth_basic", f"http://127.0.0.1:{basic}/", known[:1], self.scratch)
            remembered = target("Caddy basic_auth", f"http://127.0.0.1:{caddy}/", known[:1], self.scratch)
            yield figure("nginx + gate : nginx + no-op", compare(with_gate, with_noop, progress), at_least=0.9)
            yield figure("nginx + gate : nginx auth_basic, bcrypt 5", compare(with_gate, bcrypt, progress), at_least=20)
            rate(remembered, 3)  # Caddy's first bcrypt, of cost 14, takes a second
            yield figure("nginx + gate : Caddy basic_auth", compare(with_gate, remembered, progress), at_least=1.5)


def console_pages() -> Iterator[Figure]:
    """Yield the time and the number of queries of each console page.

    A separate process measures them, because it must start Django.
    """
    done = subprocess.run([sys.executable, "-m", "bench.console", "--json"], stdout=subprocess.PIPE, check=False)
    for page in json.loads(done.stdout):
        yield Figure(f"{page['page']}, p95, ms", page["p95"], at_most=page["most"])
        if page["most"] <= console.BOUND_BY_QUERIES:
            yield Figure(f"{page['page']}, queries", page["queries"], at_most=console.MAX_QUERIES)


def log_shipping() -> Iterator[Figure]:
    """Yield the rates of log shipping into both databases; a separate process measures each."""
    for database, options in (("SQLite", []), ("PostgreSQL", ["--postgresql"])):
        command = [sys.executable, "-m", "bench.shipping", "--json", *options]
        figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
        yield Figure(f"rows shipped a second, {database}", figures["rows_a_second"], at_least=shipping.LEAST[database])
        yield Figure(f"seconds behind, {database}", figures["behind_seconds"], at_most=shipping.MAX_BEHIND_SECONDS)


def figure(what: str, measured: Comparison, *, at_least: float | None = None, at_most: float | None = None) -> Figure:
    ours, theirs = (sum(rates) / len(rates) for rates in (measured.ours, measured.theirs))
    return Figure(what, measured.ratio, at_least, at_most, f"{ours:,.0f} : {theirs:,.0f} a second")


def progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Print the table, or JSON; return 1 if a figure misses its limit."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--only", choices=PARTS, action="append", help="run only these parts")
    chosen = parser.parse_args()
    parts = chosen.only or PARTS
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="simsim-bench-") as scratch:
        bench = Bench(Path(scratch))
        sizes = {"usual"} if set(parts) - {"console", "shipping"} else set()
        bench.prepare(*sizes, *(["small", "large"] if "size" in parts else []))
        runs = (
            bench.against_noop,
            bench.in_process,
            bench.by_size,
            bench.with_limits,
            bench.behind_nginx,
            log_shipping,
            console_pages,
        )
        for part, run in zip(PARTS, runs, strict=True):
            figures.extend(run() if part in parts else ())
    if chosen.json:
        print(json.dumps([asdict(each) | {"reached": each.is_reached} for each in figures], indent=2))
    else:
        table = Table("what", "figure", "measured", "", "rates on this machine", title="Simsim, ratios from one run")
        for each in figures:
            table.add_row(
                each.what, each.bound, f"{each.measured:.2f}", "ok" if each.is_reached else "MISSED", each.rates
            )
        Console(width=130).print(table)
    return 0 if all(each.is_reached for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
