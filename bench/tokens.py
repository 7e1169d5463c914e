"""A database with many tokens, made by Simsim's own migrations, and valid credentials for some of them."""

import os
import random
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsim.credential import allowlist, password
from simsim.credential.digest import digest

KNOWN = 5000
ACCOUNTS = 1000
INSERT = """INSERT INTO tokens_token (id, account_id, name, description, expires_at, allowed_networks, allowlist,
    digest, sealed_password, created_at, created_by_label, revoked_by_label, revocation_reason)
    VALUES (?, ?, ?, '', ?, '["127.0.0.0/8", "2001:db8::/32"]', ?, ?, x'00', ?, 'bench', '', '')"""

Credential = tuple[str, str]


def environment(data: Path) -> dict[str, str]:
    """Return the environment variables for a Simsim whose state is in `data`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMSIM_")}
    unlimited = {"SIMSIM_FAILURES_PER_ADDRESS": "0", "SIMSIM_FAILURES_PER_USERNAME": "0"}
    return kept | {"SIMSIM_DATA_DIR": str(data), "SIMSIM_TRUSTED_PROXIES": "127.0.0.1/32"} | unlimited


def fill(data: Path, count: int) -> list[Credential]:
    """Create a database with `count` active tokens and return the credentials of up to KNOWN of them."""
    simsim = Path(sys.executable).with_name("simsim")
    subprocess.run([simsim, "migrate"], env=environment(data), check=True, stdout=subprocess.DEVNULL)
    known: list[Credential] = []
    with sqlite3.connect(data / "simsim.sqlite3") as connection:
        accounts = [uuid.uuid4() for _ in range(min(ACCOUNTS, count))]
        rows = ((account.hex, f"Account {number}", "2026-01-01 00:00:00") for number, account in enumerate(accounts))
        connection.executemany("INSERT INTO accounts_account (id, name, created_at) VALUES (?, ?, ?)", rows)
        connection.executemany(INSERT, token_rows(count, accounts, known))
    connection.close()
    return known


def limit_every_token(data: Path) -> None:
    """Give every token twenty rules, a rate and two quotas, none of which refuses a request of the load.

    The requests match the last rule.
    """
    rules = [f"GET,POST /api/v2/entities{number}/*/items/**" for number in range(19)] + ["GET /api/v2/orders/*/lines"]
    with sqlite3.connect(data / "simsim.sqlite3") as connection:
        rates = "100000/s burst 1000000\n1000000000/day\n10000000000/month"
        connection.execute("UPDATE tokens_token SET limits = ?, rates = ?", ("\n".join(rules), rates))
    connection.close()


def token_rows(count: int, accounts: list[uuid.UUID], known: list[Credential]) -> Iterator[tuple[object, ...]]:
    """Yield the rows. Every few rows, one holds the digest of a real password; the others hold a random digest."""
    packed = allowlist.pack(
        network
        for text in ("127.0.0.0/8", "2001:db8::/32")
        if not isinstance(network := allowlist.parse_network(text), allowlist.Fault)
    )
    expires = (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%d %H:%M:%S")
    real = set(random.Random(1).sample(range(count), min(KNOWN, count)))
    for number in range(count):
        account, row_digest = accounts[number % len(accounts)], os.urandom(32)
        if number in real:
            secret = password.mint()
            row_digest = digest(secret)
            known.append((str(account), secret))
        yield uuid.uuid4().hex, account.hex, f"Token {number}", expires, packed, row_digest, "2026-01-01 00:00:00"
