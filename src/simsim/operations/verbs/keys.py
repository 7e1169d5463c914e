"""`simsim keys`: the keys that encrypt passwords, and their rotation."""
# ruff: noqa: PLC0415 - help answers without Django

import os

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.progress import tracked
from simsim.problem import Unusable

keys = typer.Typer(no_args_is_help=True, help="The keys that encrypt passwords.")
COLUMNS = ["id", "is_primary", "is_at_hand", "passwords", "oldest_password_at", "webhook_secrets"]


@keys.command("list")
@needs_django
def list_keys(as_json: AsJson = False) -> None:
    """List the keys by id, the one that encrypts new passwords first, and how many passwords each encrypts."""
    from django.conf import settings

    from simsim.rfc3339 import format_time
    from simsim.tokens import sealing_keys

    items = [
        {
            "id": each.id,
            "is_primary": each.is_primary,
            "is_at_hand": each.is_at_hand,
            "passwords": each.use.passwords if each.use else 0,
            "oldest_password_at": format_time(each.use.oldest_at) if each.use else None,
            "webhook_secrets": each.webhook_secrets,
        }
        for each in sealing_keys.inventory(settings.KEYRING)
    ]
    print_list(items, COLUMNS, as_json=as_json)


@keys.command("add")
@needs_django
def add_key(as_json: AsJson = False) -> None:
    """Make a new key and add it to the key file, or print it with the setting to change."""
    from django.conf import settings
    from django.utils import timezone

    from simsim.operations.key_file import add, is_ours_to_change
    from simsim.tokens.keyring import key_id

    if is_ours_to_change():
        document = {"id": add(now=timezone.now()), "file": settings.OPERATOR.origin_of_keys()}
        note = "New passwords are encrypted with it from now on. Back up the keys."
    else:
        key, where = os.urandom(32), settings.OPERATOR.origin_of_keys()
        written = settings.OPERATOR.written_keys([key])
        document = {"id": key_id(key).hex(), "key": written, "setting": where}
        note = "Nothing has changed yet. Put this key first, before the others and a comma, on every node: see keys.md."
    print_one(document, as_json=as_json, note=note)


@keys.command("wrap")
@needs_django
def wrap_keys(as_json: AsJson = False) -> None:
    """Encrypt the keys with the service in the settings. Run it again to use the newest version of its key."""
    from django.conf import settings

    if not settings.OPERATOR.key_wrapper:
        raise Unusable("SIMSIM_KEY_WRAPPER is not set: see key-services.md")
    note = "The keys have been on disk without encryption: run simsim keys rotate for a new one, and back up the keys."
    write_keys(plain=False, note=note, as_json=as_json)


@keys.command("unwrap")
@needs_django
def unwrap_keys(as_json: AsJson = False) -> None:
    """Write the keys without encryption again, before you change the service or its key."""
    write_keys(plain=True, note="Whoever reads them has the keys. Now change the settings.", as_json=as_json)


def write_keys(*, plain: bool, note: str, as_json: bool) -> None:
    """Write the keys again where they are in a file of this node, or print them for the setting to change."""
    from django.conf import settings
    from django.utils import timezone

    from simsim.operations.key_file import is_in_a_file, write_again

    operator = settings.OPERATOR
    where = operator.origin_of_keys()
    document: dict[str, object] = {"wrapped_by": None if plain else operator.key_wrapper}
    if is_in_a_file():
        document |= {"ids": write_again(plain=plain, now=timezone.now()), "file": where}
    else:
        document |= {"keys": operator.written_keys(operator.key_ring(), plain=plain), "setting": where}
        note = f"Nothing has changed yet. Put these keys there on every node. {note}"
    print_one(document, as_json=as_json, note=note)


@keys.command("rotate")
@needs_django
def rotate_keys(as_json: AsJson = False) -> None:
    """Encrypt every password under a new key while everything runs. If it was interrupted, run it again: it goes on."""
    from django.conf import settings
    from django.utils import timezone

    from simsim.audit.events import Event
    from simsim.operations.key_file import add, is_ours_to_change
    from simsim.operations.operator_events import record_operator_act
    from simsim.tokens import key_rotation, sealing_keys
    from simsim.webhooks import secrets

    keyring, is_new = settings.KEYRING, False
    if not (older := key_rotation.outstanding(keyring)):
        if not is_ours_to_change():
            raise Unusable(
                "Every password is encrypted under the newest key in %(where)s already: add a key there first, with"
                " simsim keys add",
                where=settings.OPERATOR.origin_of_keys(),
            )
        add(now=timezone.now())
        is_new, older = True, key_rotation.outstanding(keyring)
    secrets.encrypt_anew(keyring)
    done = sum(tracked(key_rotation.encrypt_anew(keyring), of=older, what="Encrypting passwords"))
    record_operator_act(Event.KEYS_ROTATED, {"key": keyring.newest_id(), "encrypted": done}, now=timezone.now())
    others = [each for each in sealing_keys.inventory(keyring) if not each.is_primary]
    document = {
        "id": keyring.newest_id(),
        "is_new": is_new,
        "encrypted": done,
        "left": sum(each.use.passwords for each in others if each.use),
        "unneeded": sorted(each.id for each in others if not each.is_needed),
    }
    if document["left"]:
        note = "Some passwords are under another key: see simsim keys list, and run this again where that key is."
    else:
        note = "Back up the keys. Keep the older ones for as long as you keep backups that need them."
    print_one(document, as_json=as_json, note=note)
