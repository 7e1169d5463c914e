"""A database as the gate sees it: the view `verifiable_token`, and a hand that changes what is under it."""

import json
import sqlite3
import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsim.credential import management_password
from simsim.credential.allowlist import Fault, pack, parse_network
from simsim.credential.digest import digest
from simsim.credential.password import mint

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE token (
    digest BLOB, id TEXT, account TEXT, name TEXT, expires_at TEXT, revoked_at TEXT, allowlist BLOB, works_until TEXT,
    report_only INTEGER, paused_at TEXT, paused_until TEXT, limits TEXT,
    rates TEXT
);
CREATE INDEX token_digest ON token (digest);
CREATE TABLE tokens_importedcredentials (digest BLOB);
CREATE TABLE accounts_user (id INTEGER, is_active INTEGER);
CREATE TABLE management_tokens_managementtoken (
    digest BLOB, expires_at TEXT, allowed_networks TEXT, scopes TEXT, account_id TEXT, revoked_at TEXT,
    created_by_id INTEGER, created_by_label TEXT
);
"""
VIEW = """
CREATE VIEW verifiable_token AS
    SELECT digest, id AS token_id, account AS account_id, name, expires_at, revoked_at, allowlist, works_until,
        report_only, paused_at, paused_until, limits, rates
    FROM token;
"""
ACME, GLOBEX = uuid.UUID(int=0xACE0_0000_0000_4000_8000_0000_0000_00AC), uuid.UUID(int=0x610BE << 32)
STAMP = "%Y-%m-%d %H:%M:%S.%f"


class Database:
    """An SQLite file with the gate's view, written through a connection of its own, as the console would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(SCHEMA + VIEW)

    def add(
        self,
        *,
        account: uuid.UUID = ACME,
        name: str = "Warehouse",
        expires_at: datetime | None = None,
        revoked_at: str | None = None,
        allow: tuple[str, ...] = (),
        works_until: datetime | None = None,
        report_only: bool = False,
        is_paused: bool = False,
        paused_until: datetime | None = None,
        limits: tuple[str, ...] = (),
        rates: tuple[str, ...] = (),
    ) -> str:
        """Add a token, by default one of Acme that opens to everybody for a day, and return its password."""
        password = mint()
        expiry = expires_at or datetime.now(UTC) + timedelta(days=1)
        networks = [network for network in map(parse_network, allow) if not isinstance(network, Fault)]
        row = (
            digest(password),
            uuid.uuid4().hex,
            account.hex,
            name,
            expiry.strftime(STAMP),
            revoked_at,
            pack(networks),
        )
        ends = works_until and works_until.strftime(STAMP)
        pause = ("2026-01-01 00:00:00" if is_paused else None, paused_until and paused_until.strftime(STAMP))
        values = (*row, ends, report_only, *pause, "\n".join(limits), "\n".join(rates))
        self.connection.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return password

    def add_node(self, *allow: str, expires_at: datetime | None = None) -> str:
        """Add a management token of the scope `gate`, by default for a day, and return its password."""
        password, expiry = management_password.mint(), expires_at or datetime.now(UTC) + timedelta(days=1)
        self.connection.execute(
            "INSERT INTO management_tokens_managementtoken VALUES (?, ?, ?, ?, NULL, NULL, NULL, 'operator')",
            (digest(password), expiry.strftime(STAMP), json.dumps(allow), '["gate"]'),
        )
        return password

    def revoke_node(self, password: str) -> None:
        self.connection.execute(
            "UPDATE management_tokens_managementtoken SET revoked_at = '2026-01-01 00:00:00' WHERE digest = ?",
            (digest(password),),
        )

    def change(self, password: str, **columns: object) -> None:
        """Set columns of the token's row, in a transaction of its own."""
        for column, value in columns.items():
            self.connection.execute(f"UPDATE token SET {column} = ? WHERE digest = ?", (value, digest(password)))

    def token_id(self, password: str) -> str:
        ((found,),) = self.connection.execute("SELECT id FROM token WHERE digest = ?", (digest(password),)).fetchall()
        return str(uuid.UUID(found))

    def close(self) -> None:
        self.connection.close()


def basic(password: str, account: uuid.UUID = ACME) -> bytes:
    """Return the value of the Authorization header of a caller who holds the password."""
    return b"Basic " + b64encode(f"{account}:{password}".encode())
