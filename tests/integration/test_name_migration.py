"""The upgrade keeps all names from before the rule, and older code still runs beside the new code."""

import functools
import json
from pathlib import Path

import pytest

from own_installation import DJANGO, environment_of, own_database, run_python
from settings_for_tests import ON_POSTGRESQL

OLDER_CODE = """
import sys, uuid
import django
django.setup()
from django.db import connection
cursor = connection.cursor()
at, account = "2026-11-24 12:00:00", uuid.UUID(int=1)
plain = connection.vendor != "postgresql"
def identity(number):
    return uuid.UUID(int=number).hex if plain else uuid.UUID(int=number)
def add_account(number, name):
    row = [identity(number), name, at]
    cursor.execute("INSERT INTO accounts_account (id, name, created_at) VALUES (%s, %s, %s)", row)
def add_software(slug, name):
    cursor.execute("INSERT INTO tokens_targetsoftware (slug, name) VALUES (%s, %s)", [slug, name])
def add_token(number, name):
    digest = bytes([number]) * 32
    cursor.execute(
        "INSERT INTO tokens_token (id, account_id, name, description, expires_at, allowed_networks, report_only,"
        " allowlist, digest, sealed_password, created_at, created_by_label, revoked_by_label, revocation_reason)"
        " VALUES (%s, %s, %s, 'Für Öl', '2036-01-01 00:00:00', '[]', false, %s, %s, %s, %s, 'alice@acme.example', '',"
        " '')",
        [identity(number), identity(1), name, b"", digest, digest, at])
if sys.argv[1] == "before":
    for number, name in enumerate(("Ärger", "ärger", "Plain"), 1):
        add_account(number, name)
        add_software(f"s{number}", name)
        add_token(number, name)
else:
    for number, name in enumerate(("Öl", "ÄRGER"), 4):
        add_account(number, name)
        add_software(f"s{number}", name)
        add_token(number, name)
    cursor.execute("SELECT count(*), min(works_until) FROM verifiable_token")
    assert cursor.fetchone() == (5, None)
"""
READ = """
import json, uuid
import django
django.setup()
from django.utils import timezone
from simsim.accounts.actions import create_account
from simsim.accounts.models import Account
from simsim.accounts.permissions import OPERATOR
from simsim.problem import AlreadyExists
from simsim.tokens.attention import TokenSearch, rank_active
from simsim.tokens.field_errors import namesake
from simsim.tokens.models import TargetSoftware, Token
acme, now = Account.objects.get(pk=uuid.UUID(int=1)), timezone.now()
def taken(name):
    try:
        create_account(actor=OPERATOR, name=name, now=now)
    except AlreadyExists:
        return True
    return False
print(json.dumps({
    "accounts": list(Account.objects.order_by("pk").values_list("name", "name_key")),
    "software": list(TargetSoftware.objects.filter(slug__startswith="s", slug__lt="s9").order_by("slug")
                     .values_list("name", "name_key")),
    "tokens": list(Token.objects.order_by("pk").values_list("name", "name_key", "search_key")),
    "taken": [name for name in ("ÄRGER", "PLAIN", "öl") if namesake(acme, name, now=now) and taken(name)],
    "found": len(rank_active(acme, actor=OPERATOR, search=TokenSearch(text="ÖL"), now=now).ids),
}))
"""


@pytest.mark.timeout(600)
@pytest.mark.covers("R5", "B11")
def test_upgrade_gives_each_name_its_key_while_older_code_still_runs(tmp_path: Path) -> None:
    database_url = own_database("upgrade", on_postgresql=ON_POSTGRESQL)
    run = functools.partial(run_python, environment=environment_of(tmp_path, database_url) | DJANGO)
    if not ON_POSTGRESQL:
        for name in ("simsim.sqlite3", "request_log.sqlite3"):  # only `simsim migrate` creates them
            (tmp_path / name).touch()

    run("-m", "django", "migrate", "tokens", "0007", "-v0", "--skip-checks")
    run("-m", "django", "migrate", "accounts", "0001", "-v0", "--skip-checks")
    run("-c", OLDER_CODE, "before")
    if not ON_POSTGRESQL:
        run("-m", "django", "migrate", "--database", "request_log", "-v0", "--skip-checks")
    planned = json.loads(run("-m", "simsim.config.command_line", "upgrade", "--check", "--json"))
    (step,) = (each for each in planned["steps"] if each["migration"] == "tokens.0008_name_key")
    assert step["disk_bytes"] > 0
    run("-m", "django", "migrate", "-v0", "--skip-checks")
    run("-c", OLDER_CODE, "beside")

    found = json.loads(run("-c", READ))
    keyed = [["Ärger", "ärger"], ["ärger", ""], ["Plain", "plain"], ["Öl", ""], ["ÄRGER", ""]]
    assert found["accounts"] == found["software"] == keyed
    more = "\nfür öl\nalice@acme.example"
    assert found["tokens"] == [
        ["Ärger", "ärger", "ärger" + more],
        ["ärger", "ärger", "ärger" + more],
        ["Plain", "plain", "plain" + more],
        ["Öl", "", ""],
        ["ÄRGER", "", ""],
    ]
    assert found["taken"] == ["ÄRGER", "PLAIN", "öl"]
    # Rows that older code wrote meanwhile are found by their plain columns: as written, and in any ASCII case.
    assert found["found"] >= 3
