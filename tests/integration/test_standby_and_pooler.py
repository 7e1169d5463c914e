"""PostgreSQL as operators run it: with a standby that lags, and behind a pooler of transactions."""

import contextlib
import secrets
import uuid
from collections.abc import Iterator

import psycopg
import pytest

import postgresql_server
from simsim.credential.digest import digest
from simsim.gate.lookup import Unavailable, open_lookup

KNOWN = digest("sim_of_a_test")
VIEW = f"""
CREATE TABLE token AS SELECT '\\x{KNOWN.hex()}'::bytea AS digest, '{uuid.UUID(int=7)}'::uuid AS token_id,
    '{uuid.UUID(int=8)}'::uuid AS account_id, 'Warehouse' AS name, now() + interval '1 day' AS expires_at,
    NULL::timestamptz AS revoked_at, ''::bytea AS allowlist, NULL::timestamptz AS works_until, false AS report_only;
CREATE VIEW verifiable_token AS SELECT * FROM token
"""


@pytest.fixture(scope="module")
def primary_url() -> str:
    url = postgresql_server.create_database(f"gate_{secrets.token_hex(4)}")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(VIEW)
    return url


@pytest.fixture(scope="module")
def standby_port(primary_url: str) -> Iterator[int]:
    with postgresql_server.standby() as port:
        yield port


@pytest.mark.parametrize("asked", [KNOWN, bytes(32)], ids=["known", "unknown"])
@pytest.mark.covers("R13", "B1", "B11")
def test_standby_makes_no_decision(asked: bytes, primary_url: str, standby_port: int) -> None:
    standby_url = postgresql_server.url(standby_port, primary_url.rpartition("/")[2])
    for url in (standby_url, f"{standby_url}?target_session_attrs=any"):
        with contextlib.closing(open_lookup(url)) as lookup, pytest.raises(Unavailable):
            lookup.find(asked)


@pytest.mark.covers("R13", "B1", "B11")
def test_of_several_hosts_the_primary_decides(primary_url: str, standby_port: int) -> None:
    hosts = f"127.0.0.1:{standby_port},127.0.0.1:{postgresql_server.start()}"
    url = f"postgresql://postgres@{hosts}/{primary_url.rpartition('/')[2]}"
    with contextlib.closing(open_lookup(url)) as lookup:
        assert lookup.find(KNOWN)
