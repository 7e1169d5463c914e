"""A backup that is taken, proven and restored, after tokens were revoked, rotated and narrowed since."""

from pathlib import Path

import pytest
from django.conf import settings

from own_installation import run_python
from restore_drill import Drill, begun
from simsim.gate.lookup import Unavailable
from simsim.operations.installation_lock import in_use, to_ourselves
from simsim.problem import Unusable

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    on_postgresql = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    drill = begun(tmp_path_factory.mktemp("drill"), on_postgresql=on_postgresql)
    drill.make_tokens(10)
    made = drill.back_up()
    assert (made["tokens"], made["has_keys"]) == (10, True), made
    return drill


@pytest.mark.covers("B21", "R13", "B13")
def test_restored_machine_lets_in_nothing_that_was_revoked_rotated_narrowed_or_paused_since(drill: Drill) -> None:
    revoked, rotated, narrowed, same = drill.tokens[:3], drill.tokens[3:5], drill.tokens[5:7], drill.tokens[8:]
    paused = drill.tokens[7:8]
    drill.restrict(3, 2, 2)
    drill.run("token", "pause", paused[0]["id"], "--as", "alice@acme.example")
    drill.lose_machine()
    without_keys = drill.run("restore", str(drill.backup))
    assert without_keys.startswith("There are no keys here"), without_keys
    told = drill.run("restore", str(drill.backup), "--identity", str(drill.identity))
    assert drill.reasons(revoked) == ["revoked"] * 3
    assert drill.reasons(rotated) == ["unknown_credentials"] * 2
    assert drill.reasons(narrowed) == ["address_not_allowed"] * 2
    assert drill.reasons(narrowed, "192.0.2.1") == ["ok"] * 2
    assert drill.reasons(paused) == ["paused"]
    assert drill.reasons(same) == ["ok"] * 2
    changed = {token["id"] for token in drill.tokens[:8]}
    assert {each["subject_id"] for each in told["applied"]} == changed
    assert (told["unknown"], told["to_do"]) == ([], [])
    proven = drill.run("audit", "verify")
    assert (proven["is_whole"], proven["findings"], proven["chains"]) == (True, [], 3)


@pytest.mark.covers("B21")
def test_restore_over_a_running_installation_is_refused_and_over_a_stopped_one_is_not(drill: Drill) -> None:
    with in_use(drill.stack.data):
        assert "stop it before you restore" in drill.run("restore", str(drill.backup))
    with (
        to_ourselves(drill.stack.data),
        pytest.raises(Unusable, match="simsim restore is replacing"),
        in_use(drill.stack.data),
    ):
        raise AssertionError("a worker would start")
    # Without its journal, the trail of the database that is replaced says what was revoked.
    (drill.elsewhere / "journal.jsonl").unlink()
    again = drill.run("restore", str(drill.backup))
    assert {each["subject_id"] for each in again["applied"]} == {token["id"] for token in drill.tokens[:8]}
    assert drill.reasons(drill.tokens[:5]) == ["revoked"] * 3 + ["unknown_credentials"] * 2
    assert drill.run("restore", "--apply-journal")["applied"] == []


KILLED = """
import os, sys
from pathlib import Path
from simsim.config.command_line import start_unproven
os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
start_unproven()
from django.utils import timezone
from simsim.operations.backup import restoration
restoration.bring_up_to_date = lambda *_: os._exit(0)
restoration.restore(Path(sys.argv[1]), restoration.Choices(), now=timezone.now())
raise AssertionError("not killed")
"""


@pytest.mark.covers("B21", "R13")
def test_restore_that_is_killed_before_the_revocations_lets_no_revoked_token_in(drill: Drill) -> None:
    run_python("-c", KILLED, str(drill.backup), environment=drill.environment)
    if drill.stack.on_postgresql:
        assert drill.run("account", "list") == "A restore was interrupted: run simsim restore again"
        with pytest.raises(Unavailable):
            drill.reasons(drill.tokens[:1])
    else:
        assert drill.run("account", "list")["items"]
        assert drill.reasons(drill.tokens[:3]) == ["revoked"] * 3
    assert "tokens" in drill.run("restore", str(drill.backup))
    assert drill.reasons(drill.tokens[7:]) == ["paused", "ok", "ok"]
    assert not list(drill.stack.data.glob(".*restore*"))


@pytest.mark.covers("B21")
def test_lost_journal_is_reported_and_every_token_can_be_revoked_for_it(drill: Drill) -> None:
    drill.lose_machine()
    (drill.elsewhere / "journal.jsonl").unlink(missing_ok=True)
    told = drill.run("restore", str(drill.backup), "--identity", str(drill.identity), "--revoke-unknown")
    assert told["unknown"][0].startswith("There is no revocation journal, so tokens that were revoked since ")
    assert told["unknown"][1] == "so all 10 active tokens were revoked (--revoke-unknown)"
    assert drill.reasons(drill.tokens) == ["revoked"] * 10


@pytest.mark.covers("B21")
@pytest.mark.any_database
def test_backup_of_an_older_version_is_migrated(tmp_path: Path) -> None:
    older = begun(tmp_path, on_postgresql=False)
    older.make_tokens(1)
    for app, name in (("tokens", "0009"), ("audit", "0002")):
        back = ("-m", "django", "migrate", app, name, "--verbosity", "0")
        run_python(*back, environment=older.environment | {"DJANGO_SETTINGS_MODULE": "simsim.config.settings"})
    assert older.back_up()["tokens"] == 1
    told = older.run("restore", str(older.backup))
    assert told["tokens"] == 1, told
    added = older.run("keys", "add")
    first, second = older.run("keys", "list")["items"]
    assert (first["id"], first["is_primary"], first["passwords"]) == (added["id"], True, 0)
    assert (second["is_primary"], second["passwords"]) == (False, 1)
    assert older.run("backup", "verify", str(older.backup))["opened_passwords"] == 1
    proven = older.run("audit", "verify")
    assert proven["is_whole"], proven
    assert proven["adopted_events"] > 2
