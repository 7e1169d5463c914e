"""The SQL with which a migration moves the gates' version, for tests on a small table of tokens."""

import importlib
import uuid
from datetime import datetime
from pathlib import Path

import psycopg

import simsim.tokens.migrations
from gate_database import ACME

(_NAME,) = (path.stem for path in Path(simsim.tokens.migrations.__path__[0]).glob("*_gate_version.py"))
MIGRATION = importlib.import_module(f"simsim.tokens.migrations.{_NAME}")

SCHEMA = """
DROP VIEW IF EXISTS verifiable_token CASCADE;
DROP TABLE IF EXISTS tokens_gatechange, tokens_gatecommit, tokens_gateversion;
DROP TABLE IF EXISTS tokens_token CASCADE;
DROP FUNCTION IF EXISTS tokens_note_change, tokens_move_version;
DROP TABLE IF EXISTS tokens_importedcredentials;
CREATE TABLE tokens_importedcredentials (digest bytea);
CREATE TABLE tokens_token (
    digest bytea, id uuid, account_id uuid, name text, expires_at timestamptz, revoked_at timestamptz, allowlist bytea,
    previous_digest bytea, previous_works_until timestamptz, report_only boolean,
    paused_at timestamptz, paused_until timestamptz, limits text NOT NULL DEFAULT '',
    rates text NOT NULL DEFAULT ''
);
CREATE VIEW verifiable_token AS
    SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until,
        report_only, paused_at, paused_until, limits, rates
    FROM tokens_token
    UNION ALL
    SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only,
        paused_at, paused_until, limits, rates
    FROM tokens_token WHERE previous_digest IS NOT NULL;
"""


def statements() -> str:
    """Return the SQL of the migration for the schema `public`."""
    sql: str = MIGRATION.statements("public")
    return sql


def add_token(connection: psycopg.Connection, digest: bytes, number: int, expires_at: datetime) -> None:
    """Add a token of Acme that opens to everybody."""
    connection.execute(
        "INSERT INTO tokens_token (digest, id, account_id, name, expires_at, allowlist, report_only)"
        " VALUES (%s, %s, %s, 'Warehouse', %s, '', false)",
        (digest, uuid.UUID(int=number), ACME, expires_at),
    )
