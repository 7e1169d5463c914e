"""What is in a copy of the databases: its counts, its migrations, and whether the keys decrypt its passwords."""

import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from simsim.operations.backup import postgresql
from simsim.problem import KeyMissing, Unusable
from simsim.tokens.keyring import KEY_ID_BYTES, Keyring

# The tables whose rows are counted, by the words for them. The log's partitions count as the log.
COUNTED = {
    "accounts": "accounts_account",
    "tokens": "tokens_token",
    "audit_events": "audit_auditevent",
    "log_rows": "request_log_loggedrequest",
}
MIGRATIONS, TOKENS = "django_migrations", "tokens_token"
SEALED = ("id", "account_id", "sealed_password")
EXISTS_ON_SQLITE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{}'"
Count = dict[str, int]


@dataclass
class Contents:
    """The rows of each counted table, the migrations, and how many passwords each key encrypts.

    `unopened` counts the passwords that the available keys can't decrypt.
    """

    counts: Count = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    migrations: set[str] = field(default_factory=set)
    passwords_by_key: "Counter[str]" = field(default_factory=Counter)
    unopened: int = 0

    def check(self, keyring: Keyring, token_id: uuid.UUID, account_id: uuid.UUID, sealed: bytes) -> None:
        if not sealed:  # only the digest was imported, or a policy keeps no passwords
            return
        self.passwords_by_key[sealed[1 : 1 + KEY_ID_BYTES].hex()] += 1
        try:
            keyring.open(sealed, token_id=token_id, account_id=account_id)
        except KeyMissing:
            self.unopened += 1


def examine(copies: Iterable[Path], keyring: Keyring) -> Contents:
    """Read every copy and return what is in them. Raises Unusable for a damaged one."""
    found = Contents()
    for path in copies:
        (examine_dump if path.suffix == ".dump" else examine_file)(path, keyring, found)
    return found


def examine_file(path: Path, keyring: Keyring, found: Contents) -> None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise Unusable("%(name)s is damaged: %(why)s", name=path.name, why=str(said))
            for words, table in COUNTED.items():
                if connection.execute(EXISTS_ON_SQLITE.format(table)).fetchone():
                    found.counts[words] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            found.migrations |= {f"{app}.{name}" for app, name in connection.execute(select_migrations())}
            if connection.execute(EXISTS_ON_SQLITE.format(TOKENS)).fetchone():
                for token_id, account_id, sealed in connection.execute(f"SELECT {', '.join(SEALED)} FROM {TOKENS}"):  # noqa: S608
                    found.check(keyring, uuid.UUID(token_id), uuid.UUID(account_id), sealed)
    except sqlite3.Error as error:
        raise Unusable("%(name)s is damaged: %(why)s", name=path.name, why=str(error)) from error


def examine_dump(path: Path, keyring: Keyring, found: Contents) -> None:
    words = {table: name for name, table in COUNTED.items()}
    for table, columns, line in postgresql.rows_in(path):
        counted = "request_log_loggedrequest" if table.startswith("request_log_loggedrequest_") else table
        if counted in words:
            found.counts[words[counted]] += 1
        if table == MIGRATIONS:
            row = values(columns, line)
            found.migrations.add(f"{row['app']}.{row['name']}")
        elif table == TOKENS:
            row = values(columns, line)
            token_id, account_id, sealed = (row[name] for name in SEALED)
            # COPY doubles the backslash of a bytea: \\x0123
            found.check(keyring, uuid.UUID(token_id), uuid.UUID(account_id), bytes.fromhex(sealed[3:]))


def values(columns: Sequence[str], line: bytes) -> dict[str, str]:
    return dict(zip(columns, line.decode().removesuffix("\n").split("\t"), strict=True))


def select_migrations() -> str:
    return f"SELECT app, name FROM {MIGRATIONS}"  # noqa: S608
