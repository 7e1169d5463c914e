"""Files of digests to import, and what is left of an import that was killed."""

import hashlib
import json
import random
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from own_installation import run_python
from restore_drill import Drill
from simsim.credential.basic import parse
from simsim.credential.decision import Credentials, Reason, decide
from simsim.gate.lookup import Lookup
from simsim.gate.lookup_postgresql import PostgresqlLookup
from simsim.gate.lookup_sqlite import SqliteLookup
from stack import BIN, basic

COUNTED = """
import json, os
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
django.setup()
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.tokens.models import Token
print(json.dumps([
    Token.objects.filter(imported__isnull=False).count(),
    ImportedCredentials.objects.count(),
    AuditEvent.objects.filter(event="token.created", details__imported=True).count(),
    OwedMail.objects.filter(kind="tokens_imported").count(),
]))
"""


def write_digests(path: Path, name: str, number: int) -> Path:
    """Write a file of digests; the password of each is its name and its number."""
    rows = (
        f"{name} {nth},365d,{name}-{nth},{hashlib.sha256(password_of(name, nth)).hexdigest()}" for nth in range(number)
    )
    path.write_text("\n".join(["name,expires,username,sha256", *rows]) + "\n")
    return path


def password_of(name: str, nth: int) -> bytes:
    return f"the password of {name} {nth}".encode()


def importing(drill: Drill, file: Path) -> "subprocess.Popen[bytes]":
    whose = ["--account", drill.stack.account, "--as", "alice@acme.example"]
    command: list[str | Path] = [BIN / "simsim", "token", "import", str(file), *whose, "--json"]
    return subprocess.Popen(command, env=drill.environment, stdout=subprocess.PIPE)


def left_behind(drill: Drill) -> list[int]:
    """Return how many tokens, credentials, events and emails the imports have left behind."""
    found: list[int] = json.loads(run_python("-c", COUNTED, environment=drill.environment))
    return found


def kill_again_and_again(drill: Drill, file: Path, *, kills: int, longest: float) -> list[int]:
    """Kill the import at random points within the time; return how many tokens there were after each."""
    chosen, found = random.Random(0), []
    for _ in range(kills):
        with importing(drill, file) as running:
            time.sleep(chosen.uniform(0.2, longest))
            running.send_signal(signal.SIGKILL)
        tokens, credentials, events, _ = left_behind(drill)
        assert tokens == credentials == events
        found.append(tokens)
    return found


def reasons(drill: Drill, name: str, numbers: Iterable[int]) -> set[Reason]:
    """Return the gate's reasons for these imported credentials."""
    database = drill.stack.data / "simsim.sqlite3"
    is_there = drill.stack.on_postgresql
    lookup: Lookup = PostgresqlLookup(drill.stack.database_url) if is_there else SqliteLookup(database)
    found = set()
    with closing(lookup):
        for nth in numbers:
            header = basic((f"{name}-{nth}", password_of(name, nth).decode()))["Authorization"].encode()
            credentials = parse([header], admits_foreign=True)
            assert isinstance(credentials, Credentials)
            record = lookup.find(credentials.digest)
            found.add(decide(credentials, record, address=None, now=datetime.now(UTC)).reason)
    return found
