"""Fixtures of the middlewares' tests: a database of tokens, and the parts that a middleware works with."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gate_database import Database
from simsim.credential.allowlist import pack
from simsim.gate.app import Gate
from simsim.gate.counters import Counters
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.spool import ENDS, Spool

PROXY = "192.0.2.1"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "simsim.sqlite3")
    yield opened
    opened.close()


class Parts(NamedTuple):
    """A gate that trusts PROXY, a spool of ends, and what both have written."""

    database: Path
    directory: Path

    def build(self, limits: FailureLimits | None = None) -> tuple[Gate, Spool]:
        trusted = pack([ip_network(PROXY)])
        gate = Gate(
            SqliteLookup(self.database),
            Spool(self.directory),
            trusted,
            limits=limits,
            counters=Counters(self.directory / ".counters"),
        )
        return gate, Spool(self.directory, stem=ENDS)

    def lines(self, stem: str) -> list[dict[str, Any]]:
        texts = [path.read_text() for path in sorted(self.directory.glob(f"{stem}-*"))]
        found = [json.loads(line) for text in texts for line in text.splitlines()]
        return [line for line in found if "took" not in line]

    def log(self) -> list[tuple[Any, ...]]:
        """Return each request's reason, status, bytes, method, path and address, told by its decision and its end."""
        decided, ends = self.lines("gate"), {line["id"]: line for line in self.lines("ends")}
        assert sorted(line["id"] for line in decided) == sorted(ends)
        found = []
        for line in decided:
            end = ends[line["id"]]
            assert (end["method"], end["path"]) == (line["method"], line["path"])
            found.append((line["reason"], end["status"], end["bytes"], end["method"], end["path"], line["address"]))
        return found


@pytest.fixture
def parts(database: Database, tmp_path: Path) -> Parts:
    (tmp_path / "spool").mkdir()
    return Parts(database.path, tmp_path / "spool")
