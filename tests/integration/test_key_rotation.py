"""`simsim keys rotate`: every password can be read before, during and after, and comes under the new key."""

import json
import signal
import sqlite3
import subprocess
import time
import uuid
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import preloaded
from cast import Cast
from key_rotations import readable
from restore_drill import Drill, begun
from simsim.config.kept_keys import KeptKeys
from simsim.key_wrappers.key_memory import KeyMemory
from simsim.operations.backup.sealed_keys import encoded
from simsim.tokens import key_rotation, sealing_keys
from simsim.tokens.actions import create_token, rotate_token
from simsim.tokens.keyring import Keyring, key_id
from simsim.tokens.models import Token
from stack import BIN

OLD, NEW = b"1" * 32, b"2" * 32


def sealed_under(ring: Keyring, cast: Cast, now: datetime, number: int) -> dict[str, str]:
    """Create tokens under the ring's newest key, and return their passwords by name."""
    made = {}
    for nth in range(number):
        token, credentials = create_token(
            actor=cast.as_alice, account=cast.acme, name=f"T{nth}", expires="90d", now=now
        )
        sealed = ring.seal(credentials.password, token_id=token.pk, account_id=token.account_id)
        Token.objects.filter(pk=token.pk).update(sealed_password=sealed)
        made[token.name] = credentials.password
    return made


def opened(ring: Keyring) -> dict[str, str]:
    return {
        token.name: ring.open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
        for token in Token.objects.all()
    }


@pytest.mark.django_db(databases="__all__")
class TestEncryptAnew:
    def test_every_password_comes_under_the_newest_key(self, cast: Cast, now: datetime) -> None:
        passwords = sealed_under(Keyring([OLD]), cast, now, 5)
        ring = Keyring([NEW, OLD])
        assert key_rotation.outstanding(ring) == 5
        assert list(key_rotation.encrypt_anew(ring, batch=2)) == [2, 2, 1]
        assert opened(Keyring([NEW])) == passwords
        assert (key_rotation.outstanding(ring), list(key_rotation.encrypt_anew(ring))) == (0, [])

    def test_stopped_rotation_goes_on_where_it_was(self, cast: Cast, now: datetime) -> None:
        passwords = sealed_under(Keyring([OLD]), cast, now, 5)
        ring = Keyring([NEW, OLD])
        assert next(key_rotation.encrypt_anew(ring, batch=2)) == 2
        assert opened(ring) == passwords
        assert sum(key_rotation.encrypt_anew(ring, batch=2)) == 3
        assert opened(Keyring([NEW])) == passwords

    def test_password_without_its_key_stays_and_is_not_waited_for(self, cast: Cast, now: datetime) -> None:
        sealed_under(Keyring([OLD]), cast, now, 2)
        lost = Token.objects.order_by("name").first()
        assert lost
        foreign = Keyring([b"3" * 32]).seal("secret", token_id=lost.pk, account_id=lost.account_id)
        Token.objects.filter(pk=lost.pk).update(sealed_password=foreign)
        ring = Keyring([NEW, OLD])
        assert (key_rotation.outstanding(ring), sum(key_rotation.encrypt_anew(ring))) == (1, 1)
        lost.refresh_from_db()
        assert bytes(lost.sealed_password) == foreign
        assert key_rotation.outstanding(ring) == 0

    def test_password_that_is_rotated_meanwhile_is_left_alone(self, cast: Cast, now: datetime) -> None:
        sealed_under(Keyring([OLD]), cast, now, 1)
        token = Token.objects.get()
        passwords = {}

        class Slow(Keyring):
            def open(self, *args: Any, **kwargs: Any) -> str:
                found = super().open(*args, **kwargs)
                _, credentials = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
                passwords[token.name] = credentials.password
                return found

        before = sealing_keys.uses()
        assert list(key_rotation.encrypt_anew(Slow([NEW, OLD]))) == [0]
        assert sealing_keys.uses() != before
        token.refresh_from_db()
        assert bytes(token.digest) == bytes(Token.objects.get().digest)
        assert passwords[token.name].endswith(token.password_end)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    drill = begun(tmp_path_factory.mktemp("rotation"), on_postgresql=False)
    drill.make_tokens(3000)
    return drill


def started(drill: Drill) -> subprocess.Popen[bytes]:
    return subprocess.Popen([BIN / "simsim", "keys", "rotate"], env=drill.environment, stdout=subprocess.DEVNULL)


@pytest.mark.any_database
def test_killed_rotation_loses_nothing_and_ends_at_the_next_run(drill: Drill) -> None:
    (before,) = readable(drill.environment)
    for pause in (0.0, 0.15):
        with started(drill) as rotation:
            drill.stack.wait_until(lambda: is_begun(drill, before), "the first passwords are encrypted anew")
            time.sleep(pause)
            rotation.send_signal(signal.SIGKILL)
        assert sum(readable(drill.environment).values()) == 3000
    said = drill.run("keys", "rotate")
    assert (said["is_new"], said["left"], said["unneeded"]) == (False, 0, [before])
    assert readable(drill.environment) == {said["id"]: 3000}
    keys = Path(drill.stack.data / "keys" / "token_keys")
    keys.write_text(keys.read_text().split(",")[0])
    assert readable(drill.environment) == {said["id"]: 3000}, "the old key is not needed any more"


def is_begun(drill: Drill, before: str) -> bool:
    return any(row["passwords"] and row["id"] != before for row in drill.run("keys", "list")["items"])


@pytest.mark.any_database
def test_processes_that_run_on_read_what_a_rotation_encrypts(tmp_path: Path) -> None:
    drill = begun(tmp_path, on_postgresql=False)
    running = Keyring(KeptKeys("SIMSIM_TOKEN_KEYS", drill.stack.data / "keys" / "token_keys", KeyMemory()))
    (token,) = drill.hand("create", drill.stack.account, "1")
    before = running.newest_id()
    rotated = drill.run("keys", "rotate")
    assert rotated == {"id": running.newest_id(), "is_new": True, "encrypted": 1, "left": 0, "unneeded": [before]}
    with closing(sqlite3.connect(drill.stack.data / "simsim.sqlite3")) as database:
        ((sealed,),) = database.execute("SELECT sealed_password FROM tokens_token").fetchall()
    ids = {"token_id": uuid.UUID(token["id"]), "account_id": uuid.UUID(drill.stack.account)}
    assert (running.id_in(sealed), running.open(sealed, **ids)) == (rotated["id"], token["password"])


def test_keys_in_a_setting_are_not_made_but_used(tmp_path: Path) -> None:
    drill = begun(tmp_path, on_postgresql=False)
    file = drill.stack.data / "keys" / "token_keys"
    old = file.read_text()
    drill.hand("create", drill.stack.account, "2")
    file.unlink()
    drill.stack.settings["SIMSIM_TOKEN_KEYS"] = old
    refused = run_with(drill, f"{old}")
    assert refused == (
        "Every password is encrypted under the newest key in SIMSIM_TOKEN_KEYS already: add a key there first, with"
        " simsim keys add"
    )
    said = run_with(drill, f"{encoded(NEW)},{old}")
    assert (said["id"], said["is_new"], said["encrypted"]) == (key_id(NEW).hex(), False, 2)
    assert not file.exists()


def run_with(drill: Drill, keys: str) -> Any:
    done = preloaded.run(["keys", "rotate", "--json"], env=drill.environment | {"SIMSIM_TOKEN_KEYS": keys}, timeout=30)
    return json.loads(done.stdout) if done.returncode == 0 else json.loads(done.stderr)["detail"]


@pytest.mark.any_database
def test_keys_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    drill = begun(tmp_path, on_postgresql=False)
    adding = [
        subprocess.Popen([BIN / "simsim", "keys", "add", "--json"], env=drill.environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    added = {json.loads(each.communicate()[0])["id"] for each in adding}
    assert added < {each["id"] for each in drill.run("keys", "list")["items"]}
    assert len(added) == 4
