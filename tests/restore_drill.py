"""The restore drill: a machine is lost, and its backup, its journal and the identity for its keys are not."""

import itertools
import json
import secrets
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage

import postgresql_server
import preloaded
from own_installation import run_python
from simsim.credential.allowlist import parse_address
from simsim.credential.basic import parse
from simsim.credential.decision import Credentials, Reason, decide
from simsim.gate.lookup import Lookup
from simsim.gate.lookup_postgresql import PostgresqlLookup
from simsim.gate.lookup_sqlite import SqliteLookup
from stack import Stack, basic, settled

HAND = Path(__file__).parent / "restriction_hand.py"


@dataclass
class Drill:
    """An installation whose machine can be lost. Journal, backup and the identity that opens its keys are elsewhere."""

    stack: Stack
    elsewhere: Path
    tokens: list[dict[str, str]] = field(default_factory=list)
    recipient: str = ""

    @property
    def backup(self) -> Path:
        return self.elsewhere / "backup.simsim"

    @property
    def identity(self) -> Path:
        return self.elsewhere / "identity.txt"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands, whose keys are in files only."""
        keys = {"SIMSIM_SECRET_KEY", "SIMSIM_TOKEN_KEYS"}
        return {name: value for name, value in self.stack.environment.items() if name not in keys}

    def run(self, *arguments: str, timeout: float = 240) -> Any:
        """Return what `simsim` with these arguments prints as JSON, or its one line on stderr if it fails."""
        done = preloaded.run([*arguments, "--json"], env=self.environment, timeout=timeout)
        return json.loads(done.stdout) if done.returncode == 0 else json.loads(done.stderr)["detail"]

    def hand(self, *arguments: str) -> Any:
        """Return what the hand does in a process of its own: see restriction_hand.py."""
        return json.loads(run_python(str(HAND), *arguments, environment=self.environment))

    def make_tokens(self, number: int) -> None:
        self.tokens = self.hand("create", self.stack.account, str(number))

    def restrict(self, revoked: int, rotated: int, narrowed: int) -> None:
        """Revoke the first tokens, rotate the next, and narrow the lists of those after them."""
        ends = [0, revoked, revoked + rotated, revoked + rotated + narrowed]
        groups = [self.tokens[begin:end] for begin, end in itertools.pairwise(ends)]
        self.hand("restrict", *(",".join(token["id"] for token in some) for some in groups))

    def back_up(self) -> Any:
        return self.run("backup", str(self.backup), "--recipient", self.recipient, timeout=300)

    def lose_machine(self) -> None:
        shutil.rmtree(self.stack.data)
        if self.stack.on_postgresql:
            self.stack.database_url = postgresql_server.create_database(f"new_{secrets.token_hex(4)}")

    def reasons(self, tokens: Sequence[dict[str, str]], address: str = "203.0.113.9") -> list[str]:
        """Return the gate's reason for each token's own credentials."""
        database = self.stack.data / "simsim.sqlite3"
        lookup: Lookup = (
            PostgresqlLookup(self.stack.database_url) if self.stack.on_postgresql else SqliteLookup(database)
        )
        found = []
        with closing(lookup):
            for token in tokens:
                header = basic((token["username"], token["password"]))["Authorization"].encode()
                credentials = parse([header])
                assert isinstance(credentials, Credentials)
                record = lookup.find(credentials.digest)
                found.append(decide(credentials, record, address=parse_address(address), now=datetime.now(UTC)).reason)
        return [Reason(each).value for each in found]


def begun(directory: Path, *, on_postgresql: bool) -> Drill:
    """Return a drill on a migrated installation, whose keys are in files."""
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    stack = Stack(directory, on_postgresql, settings={"SIMSIM_JOURNAL": str(elsewhere / "journal.jsonl")})
    stack.copy(settled(on_postgresql))
    for name in ("token_keys", "secret_key"):
        if value := stack.environment.get(f"SIMSIM_{name.upper()}"):
            (stack.data / "keys" / name).write_text(value)
    identity = pyrage.x25519.Identity.generate()
    drill = Drill(stack, elsewhere, recipient=str(identity.to_public()))
    drill.identity.write_text(f"# of the tests\n{identity}\n")
    return drill
