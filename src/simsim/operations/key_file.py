"""The file of the keys that encrypt passwords, which an installation on one machine keeps for itself."""

import os
from datetime import datetime

from django.conf import settings

from simsim.audit.events import Event
from simsim.operations.migration_lock import locked_file
from simsim.operations.operator_events import record_operator_act
from simsim.tokens.keyring import key_id

LOCK_FILE = "keys.lock"


def is_ours_to_change() -> bool:
    """Whether the keys are in a file of this machine alone; other nodes would lack a key that was made here."""
    return settings.OPERATOR.is_embedded and not settings.OPERATOR.is_given("token_keys")


def is_in_a_file() -> bool:
    """Whether the keys are in the data directory, as this node's own copy."""
    return not settings.OPERATOR.is_given("token_keys")


def write_again(*, plain: bool, now: datetime) -> list[str]:
    """Write the keys of the file again, wrapped or plain, record that, and return their ids.

    Raises Unusable, and changes nothing, if the service that wraps them doesn't answer.
    """
    operator = settings.OPERATOR
    with locked_file(operator.data_dir / LOCK_FILE):
        keys = list(operator.key_ring())
        operator.keep_keys(keys, plain=plain)
    ids = [key_id(key).hex() for key in keys]
    event = Event.KEYS_UNWRAPPED if plain else Event.KEYS_WRAPPED
    record_operator_act(event, {"keys": ids, "service": operator.key_wrapper}, now=now)
    return ids


def add(*, now: datetime) -> str:
    """Put a new key first in the file, record that, and return its id. Running processes use it from then on."""
    operator, key = settings.OPERATOR, os.urandom(32)
    # Two at once would each write a list without the other's key, and passwords under that key would be lost.
    with locked_file(operator.data_dir / LOCK_FILE):
        operator.keep_keys([key, *operator.key_ring()])
    added = key_id(key).hex()
    record_operator_act(Event.KEY_ADDED, {"key": added}, now=now)
    return added
