"""`simsim keys`: the keys that encrypt passwords."""
# ruff: noqa: PLC0415 - help answers without Django

import os

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one

keys = typer.Typer(no_args_is_help=True, help="The keys that encrypt passwords.")
COLUMNS = ["id", "is_primary", "is_at_hand", "passwords", "oldest_password_at", "webhook_secrets"]


@keys.command("list")
@needs_django
def list_keys(as_json: AsJson = False) -> None:
    """List the keys by id, the one that encrypts new passwords first, and how many passwords each encrypts."""
    from django.conf import settings

    from simsim.rfc3339 import format_time
    from simsim.tokens import sealing_keys
    from simsim.tokens.keyring import key_id
    from simsim.webhooks import secrets

    used, signing = sealing_keys.uses(), secrets.key_uses()
    at_hand = [key_id(key).hex() for key in settings.KEYRING.keys]
    items = [
        {
            "id": each,
            "is_primary": at_hand[:1] == [each],
            "is_at_hand": each in at_hand,
            "passwords": used[each].passwords if each in used else 0,
            "oldest_password_at": format_time(used[each].oldest_at) if each in used else None,
            "webhook_secrets": signing[each],
        }
        for each in dict.fromkeys([*at_hand, *sorted({*used, *signing})])
    ]
    print_list(items, COLUMNS, as_json=as_json)


@keys.command("add")
@needs_django
def add_key(as_json: AsJson = False) -> None:
    """Make a new key and add it to the key file, or print it with the setting to change."""
    from django.conf import settings

    from simsim.operations.backup.sealed_keys import encoded
    from simsim.tokens.keyring import key_id

    operator, key = settings.OPERATOR, os.urandom(32)
    document: dict[str, object] = {"id": key_id(key).hex()}
    if operator.is_given("token_keys"):
        document |= {"key": encoded(key), "setting": operator.origin_of_keys()}
        note = "Nothing has changed yet. Put this key first, before the others and a comma, on every node: see keys.md."
    else:
        path = operator.keep_secret("token_keys", ",".join(map(encoded, [key, *operator.key_ring()])))
        document |= {"file": str(path)}
        note = "Reload simsim serve now (kill -HUP), and back up the keys. The new key encrypts new passwords."
    print_one(document, as_json=as_json, note=note)
