"""A backup that is taken, proven and restored, after tokens were revoked, rotated and narrowed since."""

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
import pytest
from django.conf import settings

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

pytestmark = pytest.mark.timeout(180)
HAND = Path(__file__).parents[1] / "restriction_hand.py"


@dataclass
class Drill:
    """An installation whose machine can be lost. Journal, backup and the identity that opens its keys are elsewhere."""

    stack: Stack
    elsewhere: Path
    tokens: list[dict[str, str]] = field(default_factory=list)

    @property
    def backup(self) -> Path:
        return self.elsewhere / "backup.simsim"

    @property
    def identity(self) -> Path:
        return self.elsewhere / "identity.txt"

    def run(self, *arguments: str) -> Any:
        """Return what `simsim` with these arguments prints as JSON, or its one line on stderr if it fails."""
        without_keys = {"SIMSIM_SECRET_KEY", "SIMSIM_TOKEN_KEYS"}
        environment = {key: value for key, value in self.stack.environment.items() if key not in without_keys}
        done = preloaded.run([*arguments, "--json"], env=environment)
        return json.loads(done.stdout) if done.returncode == 0 else json.loads(done.stderr)["detail"]

    def hand(self, *arguments: str) -> Any:
        environment = dict(self.stack.environment)
        for name in ("SIMSIM_SECRET_KEY", "SIMSIM_TOKEN_KEYS"):
            environment.pop(name, None)
        return json.loads(run_python(str(HAND), *arguments, environment=environment))

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


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    directory = tmp_path_factory.mktemp("drill")
    on_postgresql = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    (directory / "elsewhere").mkdir()
    stack = Stack(directory, on_postgresql, settings={"SIMSIM_JOURNAL": str(directory / "elsewhere" / "journal.jsonl")})
    stack.copy(settled(on_postgresql))
    drill = Drill(stack, directory / "elsewhere")
    (stack.data / "keys").mkdir(exist_ok=True)
    for name in ("token_keys", "secret_key"):
        if value := stack.environment.get(f"SIMSIM_{name.upper()}"):
            (stack.data / "keys" / name).write_text(value)
    identity = pyrage.x25519.Identity.generate()
    drill.identity.write_text(f"# of the tests\n{identity}\n")
    drill.tokens = drill.hand("create", stack.account, "10")
    made = drill.run("backup", str(drill.backup), "--recipient", str(identity.to_public()))
    assert (made["tokens"], made["has_keys"]) == (10, True), made
    return drill


@pytest.mark.covers("B21", "R13")
def test_restored_machine_lets_in_nothing_that_was_revoked_rotated_or_narrowed_since(drill: Drill) -> None:
    revoked, rotated, narrowed, same = drill.tokens[:3], drill.tokens[3:5], drill.tokens[5:7], drill.tokens[7:]
    drill.hand("restrict", *(",".join(token["id"] for token in some) for some in (revoked, rotated, narrowed)))
    drill.lose_machine()
    without_keys = drill.run("restore", str(drill.backup))
    assert without_keys.startswith("There are no keys here"), without_keys
    told = drill.run("restore", str(drill.backup), "--identity", str(drill.identity))
    assert drill.reasons(revoked) == ["revoked"] * 3
    assert drill.reasons(rotated) == ["unknown_credentials"] * 2
    assert drill.reasons(narrowed) == ["address_not_allowed"] * 2
    assert drill.reasons(narrowed, "192.0.2.1") == ["ok"] * 2
    assert drill.reasons(same) == ["ok"] * 3
    changed = {token["id"] for token in drill.tokens[:7]}
    assert {each["subject_id"] for each in told["applied"]} == changed
    assert (told["unknown"], told["to_do"]) == ([], [])
    again = drill.run("restore", str(drill.backup))
    assert "applied" in again, again
    assert {each["subject_id"] for each in again["applied"]} == changed
    assert drill.reasons(drill.tokens[:5]) == ["revoked"] * 3 + ["unknown_credentials"] * 2
    assert drill.run("restore", "--apply-journal")["applied"] == []
