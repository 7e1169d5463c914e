"""What a rotation of the keys is judged by: every password can be read and is the one whose digest the gate knows."""

import json
from collections.abc import Mapping
from typing import Any

from own_installation import run_python

COUNTED = """
import json, os
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
django.setup()
from collections import Counter
from django.conf import settings
from simsim.credential.digest import digest
from simsim.tokens.models import Token
found, ring = Counter(), settings.KEYRING
for token in Token.objects.iterator(chunk_size=2000):
    sealed = bytes(token.sealed_password)
    secret = ring.open(sealed, token_id=token.pk, account_id=token.account_id)
    assert digest(secret) == bytes(token.digest), token.pk
    found[ring.id_in(sealed)] += 1
print(json.dumps(found))
"""


def readable(environment: Mapping[str, str]) -> Any:
    """Read every password in a process of its own, and return how many each key encrypts."""
    return json.loads(run_python("-c", COUNTED, environment=environment))
